#!/usr/bin/env python3
"""Django's command line. A wrong setting gives one sentence, not a traceback."""

import os
import sys

if sys.version_info < (3, 11):
    sys.exit("ServerFleet needs Python 3.11 or newer.")


def main() -> None:
    """Run a management command."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serverfleet.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
