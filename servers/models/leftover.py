"""What ended instances have left behind at a cloud."""

from typing import ClassVar

from django.db import models

from servers.models.account import Account


class Leftover(models.Model):
    """One leftover, such as a volume that is attached to nothing and still billed.

    ``server_uid`` is read from the key. ``condemned_at`` is never unset: the next look
    deletes the leftover. A row is deleted once a complete listing no longer shows it.
    If several accounts see it, one owns it, as with instances.
    """

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="leftovers"
    )
    # None while it is not known. Only then can a leftover have two rows.
    identity = models.CharField(max_length=300, null=True, blank=True, default=None)
    region = models.CharField(max_length=100, blank=True, default="")
    resource_id = models.CharField(max_length=255)
    kind = models.CharField(max_length=32)
    detail = models.CharField(max_length=255, blank=True, default="")
    key = models.CharField(max_length=63, blank=True, default="")
    server_uid = models.UUIDField(null=True, blank=True)
    first_seen = models.DateTimeField()
    condemned_at = models.DateTimeField(null=True, blank=True)
    delete_error = models.TextField(blank=True, default="")

    class Meta:
        ordering: ClassVar = ["first_seen", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "region", "resource_id"], name="one_row_per_leftover"
            ),
            models.UniqueConstraint(
                fields=["identity", "region", "resource_id"],
                name="one_leftover_per_identity",
            ),
        ]

    def __str__(self) -> str:
        return self.resource_id
