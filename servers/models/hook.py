"""Hooks: what CI systems send when a job is queued."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now

from servers.models.fields import EncryptedTextField
from servers.models.pool import Queue


class Hook(models.Model):
    """The secret by which a queue's hooks are known, and when one came last."""

    queue = models.OneToOneField(
        Queue, on_delete=models.CASCADE, primary_key=True, related_name="hook"
    )
    secret = EncryptedTextField()
    came_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"the hook of {self.queue_id}"


class HookDelivery(models.Model):
    """A delivery that came, so that a repeated one does nothing. Kept for an hour."""

    hook = models.ForeignKey(Hook, on_delete=models.CASCADE, related_name="deliveries")
    digest = models.CharField(max_length=64)
    at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["hook", "digest"], name="delivery_once")
        ]

    def __str__(self) -> str:
        return f"{self.digest[:8]} at {self.at}"
