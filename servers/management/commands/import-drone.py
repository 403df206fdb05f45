"""``manage.py import-drone FILE``: take over the Drone Autoscaler's settings."""  # noqa: N999

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from servers import tracing
from servers.errors import FleetError
from servers.operations.drone_import.save import save_translation
from servers.operations.drone_import.translate import translate
from servers.operations.drone_import.variables import MAX_BYTES, read_variables


class Command(BaseCommand):
    """Create an account, a template, a queue and a pool, and say what is missing."""

    help = (
        "Read the Drone Autoscaler's environment variables from a file, and create an "
        "account, a template, a queue and a pool from them. The pool is a dry run: it "
        "says what it would do, and changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("file", help="one NAME=value per line")
        parser.add_argument(
            "--name", default="drone", help="the name of all four (default: drone)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        try:
            with Path(options["file"]).open(encoding="utf-8-sig") as file:
                text = file.read(MAX_BYTES + 1)
        except (OSError, ValueError) as error:
            said = getattr(error, "strerror", "") or "it is not text"
            raise CommandError(f"The file can't be read: {said}.") from None
        try:
            found = translate(read_variables(text), name=options["name"])
            with tracing.bound(actor="command:import-drone"):
                pool = save_translation(found)
        except FleetError as error:
            raise CommandError(error.message) from None
        self.stdout.write(
            f"Created the account, the template, the queue and the pool {pool.name}. "
            "The pool is a dry run: it changes nothing. Test the account, try the "
            "template, and look at the pool's plans. When you trust it, press Carry "
            "out plans on its page, or set dry to false."
        )
        for sentence in found.left:
            self.stdout.write(f"- {sentence}")
