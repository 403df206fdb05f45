"""``manage.py drill``: kill everything in a copy of ServerFleet, and count afterwards.

The command runs twice. The first run creates a folder for the drill (and a PostgreSQL
server, if requested), and then runs the command again in that environment. It never
opens anything of the fleet in which it was called.
"""

import json
import subprocess
import sys
from argparse import ArgumentParser
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from servers.drill.plan import Wishes
from servers.drill.postgresql import MissingServerError
from servers.drill.run import DrillError, run_drill
from servers.drill.surroundings import MARK, find_postgres_folder, surroundings
from servers.drill.verdict import describe

# The type, the least and the most of each number, and what it is.
_NUMBERS: Final[dict[str, tuple[type, int, int, str]]] = {
    "servers": (int, 1, 2000, "about how many servers to keep"),
    "seconds": (float, 1, 7200, "how long to kill processes"),
    "kills": (int, 0, 10_000, "kill at least this many"),
    "stranded": (
        int,
        0,
        10_000,
        "kill at least this many between an intent and its saved answer",
    ),
}


class Command(BaseCommand):
    """The fire drill."""

    help = (
        "Run a copy of ServerFleet on a simulated cloud in its own folder, kill and "
        "suspend its processes at random while the cloud fails, then wait for the "
        "bound and report whether anything was lost or doubled. The exit code is 1 if "
        "the promise was broken. The drill never touches this fleet or a real cloud."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        known = Wishes()
        parser.add_argument(
            "--database", choices=["sqlite", "postgresql"], default=known.database
        )
        for name, (kind, _, _, text) in _NUMBERS.items():
            usual = getattr(known, name)
            parser.add_argument(f"--{name}", type=kind, default=usual, help=text)
        parser.add_argument("--seed", type=int, default=known.seed)
        parser.add_argument(
            "--json", action="store_true", help="print the result as JSON"
        )
        parser.add_argument("--keep", action="store_true", help="keep the folder")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it."""
        wishes = _read_wishes(options)
        folder = settings.DATA_DIR
        if folder is not None and (folder / MARK).exists():
            self._run_inside(wishes, as_json=options["json"])
            return
        try:
            with surroundings(database=wishes.database, keep=options["keep"]) as env:
                done = subprocess.run(  # noqa: S603 - this very command
                    [sys.executable, *sys.argv], env=env, check=False
                )
        except MissingServerError as error:
            raise CommandError(f"PostgreSQL can't be run: {error}") from None
        except KeyboardInterrupt:
            raise CommandError("The drill was interrupted.") from None
        if done.returncode:
            sys.exit(done.returncode)

    def _run_inside(self, wishes: Wishes, *, as_json: bool) -> None:
        try:
            verdict = run_drill(
                wishes, postgres=find_postgres_folder(), say=self.stderr.write
            )
        except DrillError as error:
            raise CommandError(str(error)) from None
        except AssertionError as error:
            raise CommandError(f"The drill could not be run: {error}") from None
        if as_json:
            self.stdout.write(json.dumps(verdict.as_dict(), indent=2))
        else:
            self.stdout.write(describe(verdict))
        if not verdict.is_kept:
            raise CommandError("The promise was broken: " + " ".join(verdict.broken))


def _read_wishes(options: dict[str, Any]) -> Wishes:
    for name, (_, least, most, _) in _NUMBERS.items():
        if not least <= options[name] <= most:
            raise CommandError(f"--{name} takes a number from {least} to {most}.")
    return Wishes(**{name: options[name] for name in ("database", "seed", *_NUMBERS)})
