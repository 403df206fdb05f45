"""``manage.py checkkeys``: check that every stored secret can be read."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from servers.models.encryption import count_by_key, explain_wrong_keys, find_unreadable

MAX_NAMED = 20


class Command(BaseCommand):
    """Read every encrypted value. The exit code is 1 if one can't be read."""

    help = "Check that every stored secret can be read with the current keys."

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        if message := explain_wrong_keys():
            raise CommandError(message)
        first = next(iter(settings.ENCRYPTION_KEYS))
        counts = count_by_key()
        for key_id in sorted({*settings.ENCRYPTION_KEYS, *counts}):
            role = "encrypts" if key_id == first else "decrypts"
            role = role if key_id in settings.ENCRYPTION_KEYS else "MISSING"
            self.stdout.write(f"{key_id}: {counts[key_id]} stored, {role}")
        bad = 0
        for where, why in find_unreadable():
            bad += 1
            if bad <= MAX_NAMED:
                self.stderr.write(f"{where}: {why}")
        if bad:
            raise CommandError(f"Values that can't be read: {bad}.")
        self.stdout.write("Every value can be read.")
