"""``manage.py sweep``: list every location now, and print what no server owns."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from servers import tracing
from servers.models import Account, Location
from servers.reconciler import observe_location
from servers.records.ledger import database_now
from servers.reports.leaks.load import report_leaks
from servers.reports.leaks.shapes import LocationReport


class Command(BaseCommand):
    """The proof on the command line. The exit code is 1 if it fails."""

    help = (
        "List every account now, compare it with the database, and print what no "
        "server owns. The exit code is 1 if something is past the bound, instances "
        "are held for a decision, or a location has no fresh listing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="list nothing now, and print what the last listings showed",
        )
        parser.add_argument("--account", default="", help="only this account")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        account = options["account"]
        if account and not Account.objects.filter(name=account).exists():
            raise CommandError(f"There is no account {account!r}.")
        if not options["dry_run"]:
            locations = Location.objects.order_by("pk")
            if account:
                locations = locations.filter(account__name=account)
            with tracing.bound(actor="command line"):
                for pk in locations.values_list("pk", flat=True):
                    observe_location(pk)
        report = report_leaks(now=database_now(), account=account)
        for location in report.locations:
            self._print_location(location)
        if not report.is_clean:
            raise CommandError(
                "Something is past the bound, held for a decision, or not listed."
            )

    def _print_location(self, report: LocationReport) -> None:
        location = report.location
        compared = location.compared_at
        when = compared.isoformat(timespec="seconds") if compared else "never"
        self.stdout.write(
            f"{location}: {'clean' if report.is_clean else 'NOT CLEAN'}; compared "
            f"{when}, {report.live} live, {report.owned} owned, bound "
            f"{report.bound.total_seconds():.0f} s"
        )
        if location.error:
            self.stdout.write(f"  the last listing failed: {location.error}")
        if location.held:
            self.stdout.write(
                f"  orphans held for a decision: {location.held}. See Leaks"
            )
        for finding in report.findings:
            instance = finding.instance
            self.stdout.write(
                f"  {instance.instance_id} {instance.verdict} for "
                f"{finding.age.total_seconds():.0f} s. {finding.next}"
            )
        self._say_more(report.unowned.total - len(report.findings), "instance")
        for left in report.leftovers:
            self.stdout.write(
                f"  {left.leftover.kind} {left.leftover.resource_id} left behind "
                f"{left.age.total_seconds():.0f} s ago. {left.next}"
            )
        self._say_more(report.left.total - len(report.leftovers), "leftover")
        for entry in report.unconfirmed:
            self.stdout.write(
                f"  {entry.server.name} has been stopping for "
                f"{entry.age.total_seconds():.0f} s. {entry.server.waiting}"
            )
        self._say_more(report.ending.total - len(report.unconfirmed), "stopping server")

    def _say_more(self, number: int, what: str) -> None:
        if number:
            self.stdout.write(f"  and {number} more {what}{'s' if number > 1 else ''}")
