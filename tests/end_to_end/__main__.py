"""One run, in the environment of a drill's copy: start, submit, kill, wait, count."""

import argparse
import json
import os
import sys

import django


def main() -> int:
    """Print the outcome as JSON. The exit code is 1 if a promise was broken."""
    parser = argparse.ArgumentParser()
    for name, usual in (("jobs", 60), ("seconds", 10), ("most", 3), ("kills", 0)):
        parser.add_argument(f"--{name}", type=int, default=usual)
    parser.add_argument("--seed", type=int, default=1)
    given = vars(parser.parse_args())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "serverfleet.settings")
    django.setup()
    from tests.end_to_end.run import Wanted, run

    outcome = run(Wanted(**given))
    print(json.dumps(outcome.as_dict(), indent=2))
    return 1 if outcome.find_broken() else 0


if __name__ == "__main__":
    sys.exit(main())
