"""``manage.py fleet show`` and ``manage.py fleet confirm``."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from servers import tracing
from servers.errors import FleetError
from servers.messaging.standstill import find_standstill
from servers.models import Fleet, Heartbeat
from servers.operations.fleet import confirm_fleet, split_fleet
from servers.placing.location_gate import is_confirmed
from servers.records.ledger import database_now


class Command(BaseCommand):
    """Show the fleet, or confirm that this database belongs to it."""

    help = (
        "Show the fleet, or confirm that this database belongs to the fleet after a "
        "restored backup or a move."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("act", choices=["show", "confirm"])
        parser.add_argument(
            "--new-id",
            action="store_true",
            help="with confirm: this database is a copy of one that keeps running. "
            "Leave all its servers to the original, and start a new fleet",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        if options["new_id"] and options["act"] != "confirm":
            raise CommandError("--new-id needs confirm.")
        fleet = Fleet.objects.first()
        if fleet is None:
            raise CommandError("There is no fleet yet. Start ServerFleet once.")
        if options["act"] == "show":
            self.stdout.write(f"fleet      {fleet.fleet_id}")
            self.stdout.write(f"confirmed  {'yes' if is_confirmed(fleet) else 'no'}")
            self.stdout.write(f"paused     {'yes' if fleet.paused else 'no'}")
            self.stdout.write(f"working    {_describe_work(fleet)}")
            return
        try:
            with tracing.bound(actor="command line"):
                if options["new_id"]:
                    fleet_id, left = split_fleet()
                    self.stdout.write(f"Servers left to the original fleet: {left}")
                else:
                    fleet_id = confirm_fleet()
        except FleetError as error:
            raise CommandError(error.message) from None
        self.stdout.write(
            f"The fleet {fleet_id} is confirmed. Each account is listed once before "
            "anything is created or destroyed."
        )


def _describe_work(fleet: Fleet) -> str:
    rows = list(Heartbeat.objects.all())
    found = find_standstill(rows, fleet, now=database_now())
    return f"no: {found.sentence} {found.advice}" if found else "yes"
