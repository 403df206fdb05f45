"""``manage.py createtoken NAME --scope servers:write``: prints only the token."""

import re
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from servers.access.tokens import SCOPES, issue_token
from servers.errors import FleetError
from servers.freshness.stamps import read_clock

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION = re.compile(r"([1-9][0-9]{0,4})([mhdw])")


class Command(BaseCommand):
    """Create an API token."""

    help = "Create an API token and print it. It is shown only once."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("name", help="the token's name in lists")
        parser.add_argument(
            "--scope",
            action="append",
            default=[],
            help=f"a scope of the token, repeatable: {', '.join(sorted(SCOPES))}",
        )
        parser.add_argument("--expires", help="how long it is valid: 12h, 30d, 8w")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create and print the token."""
        valid_for = None
        if options["expires"] is not None:
            match = _DURATION.fullmatch(options["expires"])
            if match is None:
                raise CommandError(
                    "--expires takes a number and m, h, d or w, such as 30d."
                )
            valid_for = timedelta(**{_UNITS[match[2]]: int(match[1])})
        try:
            token = issue_token(
                options["name"],
                scopes=options["scope"],
                expires_at=read_clock() + valid_for if valid_for else None,
            )
        except FleetError as error:
            raise CommandError(error.message) from None
        except DatabaseError as error:
            raise CommandError(
                f"The database can't be used ({type(error).__name__}). Start "
                "ServerFleet once, or run manage.py migrate."
            ) from None
        self.stdout.write(token)
