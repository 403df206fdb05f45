"""API tokens: shown once, stored hashed."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class Token(models.Model):
    """A named token ``sf_<public id>_<secret>``; only the secret's SHA-256 is kept."""

    class Scope(models.TextChoices):
        SERVERS_READ = "servers:read"
        SERVERS_WRITE = "servers:write"
        SECRETS_READ = "secrets:read"
        DEMAND_WRITE = "demand:write"
        FLEET_ADMIN = "fleet:admin"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    public_id = models.CharField(max_length=16, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    name = models.CharField(max_length=100, unique=True)
    scopes = models.JSONField(default=list)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
    )
    # The token that created this one. This one can't outlive it. Tokens without a user
    # belong to the installation.
    parent = models.ForeignKey(
        "self",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        editable=False,
        related_name="children",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name
