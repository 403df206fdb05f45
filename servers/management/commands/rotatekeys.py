"""``manage.py rotatekeys``: encrypt every stored secret with the first key."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from servers.encryption import count_by_key, explain_wrong_keys, rotate_batch


class Command(BaseCommand):
    """Rotate in batches, while the service runs; a killed run is simply run again."""

    help = (
        "Encrypt all stored secrets with the first of the encryption keys, in batches. "
        "First put the new key before the old ones and restart every process; run "
        "this; then take the old keys away."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it."""
        if message := explain_wrong_keys():
            raise CommandError(message)
        total = 0
        while True:
            done, failed = rotate_batch()
            total += done
            if not done:
                break
        first, *others = settings.ENCRYPTION_KEYS
        self.stdout.write(f"{total} values were encrypted anew with {first}.")
        if failed:
            raise CommandError(
                f"{failed} or more values can't be read; run `manage.py checkkeys`. "
                "Keep all keys."
            )
        counts = count_by_key()
        for key_id in others:
            if counts[key_id]:
                self.stdout.write(
                    f"{key_id}: {counts[key_id]} values are new under it. Restart the "
                    "processes that still encrypt with it, and run this again."
                )
            else:
                self.stdout.write(f"{key_id}: nothing needs it; it may go.")
