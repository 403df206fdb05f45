"""Registrations: what the CI of a queue gave for the agent of one attempt's server."""

import uuid
from typing import ClassVar

from django.db import models

from servers.models.attempt import Attempt
from servers.models.fields import EncryptedTextField
from servers.models.pool import Queue


class Registration(models.Model):
    """One runner at a CI, asked for before the create call of one attempt.

    It is written with the attempt, before the CI is asked. ``key`` is the attempt's,
    and the runner's name. ``runner_id`` is "" until the CI has answered, and for good
    if the agent itself creates its runner. ``environment`` is a JSON object of
    variables of the agent, and is wiped once ``revoked_at`` is set: then the CI has no
    runner of it any more. ``tried_at`` is when that was tried last, and ``problem`` why
    it failed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # None once the queue is deleted or has other options: perhaps nobody asks that CI
    # any more. The database does not check it, so that no intent fails because the
    # queue is deleted meanwhile.
    queue = models.ForeignKey(
        Queue,
        on_delete=models.SET_NULL,
        null=True,
        db_constraint=False,
        related_name="registrations",
    )
    attempt = models.OneToOneField(
        Attempt, on_delete=models.SET_NULL, null=True, related_name="registration"
    )
    server_uid = models.UUIDField(db_index=True)
    server_name = models.CharField(max_length=63)
    key = models.CharField(max_length=63, unique=True)
    runner_id = models.CharField(max_length=255, blank=True, default="")
    environment = EncryptedTextField()
    asked_at = models.DateTimeField()
    registered_at = models.DateTimeField(null=True, blank=True)
    tried_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    problem = models.TextField(blank=True, default="")

    class Meta:
        ordering: ClassVar = ["asked_at"]
        indexes: ClassVar = [
            models.Index(
                fields=["queue", "asked_at"],
                condition=models.Q(revoked_at__isnull=True),
                name="registration_open",
            ),
            models.Index(fields=["revoked_at"], name="registration_by_end"),
        ]

    def __str__(self) -> str:
        return self.key
