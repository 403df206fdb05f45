"""``manage.py rotatekeys``: encrypt every stored secret with the first key."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from servers.models.encryption import count_by_key, explain_wrong_keys, rotate_batch


class Command(BaseCommand):
    """Rotate in batches, while the service runs. If a run is killed, run it again."""

    help = (
        "Encrypt all stored secrets with the first encryption key, in batches. First "
        "put the new key before the old ones and restart every process. Then run this, "
        "and remove the old keys afterwards."
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
        self.stdout.write(f"Values encrypted again with {first}: {total}.")
        if failed:
            raise CommandError(
                f"At least {failed} values can't be read. Run `manage.py checkkeys`, "
                "and keep all keys."
            )
        counts = count_by_key()
        for key_id in others:
            if counts[key_id]:
                self.stdout.write(
                    f"{key_id}: processes still encrypt with it (values: "
                    f"{counts[key_id]}). Restart them, and run this again."
                )
            else:
                self.stdout.write(f"{key_id}: no longer needed. You can remove it.")
