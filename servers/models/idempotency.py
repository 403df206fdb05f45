"""Requests that were accepted with an Idempotency-Key."""

from typing import ClassVar

from django.db import models
from django.db.models.functions import Now


class IdempotentRequest(models.Model):
    """One accepted request, written in the transaction that inserted its servers.

    ``caller`` is the token or person (each has its own keys), ``digest`` the SHA-256 of
    the body in a fixed form, and ``servers`` the ids of the inserted rows.
    """

    caller = models.CharField(max_length=150)
    key = models.CharField(max_length=255)
    digest = models.CharField(max_length=64)
    servers = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now(), db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["caller", "key"], name="one_request_per_idempotency_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.caller} {self.key}"
