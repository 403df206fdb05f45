"""The history: append-only, the source of timeline, feed and metrics."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from servers.models.account import Account
from servers.models.server import Server


class Event(models.Model):
    """One thing that happened. ``kind`` is a lifecycle event or one of ledger.Fact."""

    id = models.BigAutoField(primary_key=True)
    server = models.ForeignKey(
        Server, on_delete=models.SET_NULL, null=True, related_name="events"
    )
    server_uid = models.UUIDField(null=True, blank=True, db_index=True)
    server_name = models.CharField(max_length=63, blank=True, default="")
    account = models.ForeignKey(
        Account, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    at = models.DateTimeField(db_default=Now(), db_index=True)
    kind = models.CharField(max_length=40)
    from_state = models.CharField(max_length=16, blank=True, default="")
    to_state = models.CharField(max_length=16, blank=True, default="")
    reason = models.TextField(blank=True, default="")
    actor = models.CharField(max_length=150, blank=True, default="")
    request_id = models.CharField(max_length=128, blank=True, default="")

    class Meta:
        ordering: ClassVar = ["id"]
        indexes: ClassVar = [models.Index(fields=["kind", "id"], name="event_by_kind")]

    def __str__(self) -> str:
        return f"{self.server_name} {self.kind}"
