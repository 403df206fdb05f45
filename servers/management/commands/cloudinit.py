"""``manage.py cloudinit TEMPLATE``: print the user data of a template's servers."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from servers.models import Template
from servers.operations.user_data import preview_user_data


class Command(BaseCommand):
    """Print what a create call would carry, without secrets."""

    help = (
        "Print the user data that the servers of a template get. Secrets are not shown."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("template", help="the name of a template")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        name = options["template"]
        template = Template.objects.filter(name=name).first()
        if template is None:
            raise CommandError(f"There is no template {name!r}.")
        preview = preview_user_data(template)
        self.stdout.write(preview.text, ending="")
        if preview.text and not preview.text.endswith("\n"):
            self.stdout.write("")
        for fit in preview.fits:
            most = f" of {fit.most:,}" if fit.most else ""
            packed = ", compressed" if fit.compressed else ""
            self.stderr.write(f"{fit.cloud}: {fit.size:,}{most} bytes{packed}")
