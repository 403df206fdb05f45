"""The server: the nineteen fields of the API, and those of the engine."""

import uuid
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from servers.lifecycle.states import State, Want
from servers.models.account import Account, validate_name
from servers.models.fields import EncryptedTextField
from servers.models.template import Template, TemplateVersion


def _choices(names: type[State] | type[Want]) -> list[tuple[str, str]]:
    return [(name.value, name.value) for name in names]


class Server(models.Model):
    """One requested server.

    Only ledger.py writes ``state``, and only leases.py takes and releases the lease.
    ``lease_by`` is the last process that held it, so it shows what a dead process was
    working on. ``attempt_number`` is that of the current attempt (0 before the first).
    ``placement`` is the position of the placement in use or next (0 is the default).
    Times are the database's.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    # The fields of the API. Its ``id`` is called instance_id here.
    instance_id = models.CharField(max_length=255, blank=True, default="")
    provider = models.CharField(max_length=32)
    state = models.CharField(
        max_length=16, choices=_choices(State), default=State.PENDING, editable=False
    )
    name = models.CharField(max_length=63, validators=[validate_name])
    image = models.CharField(max_length=255)
    region = models.CharField(max_length=100, blank=True, default="")
    size = models.CharField(max_length=255)
    address = models.CharField(max_length=255, blank=True, default="")
    capacity = models.PositiveIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    secret = EncryptedTextField()
    error = models.TextField(blank=True, default="")
    ca_key = EncryptedTextField()
    ca_cert = models.TextField(blank=True, default="")
    tls_key = EncryptedTextField()
    tls_cert = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, blank=True)
    stopped_at = models.DateTimeField(null=True, blank=True)

    # What it is created from, and where.
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="servers", db_index=False
    )
    template = models.ForeignKey(
        Template,
        on_delete=models.SET_NULL,
        null=True,
        related_name="servers",
        db_index=False,
    )
    recipe = models.ForeignKey(
        TemplateVersion, on_delete=models.PROTECT, related_name="servers"
    )
    # The pool that it was created for.
    pool = models.ForeignKey(
        "servers.Pool",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="servers",
        db_index=False,
    )
    # What its request chose, or empty. Those above are of its last attempt.
    wanted_image = models.CharField(max_length=255, blank=True, default="")
    wanted_region = models.CharField(max_length=100, blank=True, default="")
    wanted_size = models.CharField(max_length=255, blank=True, default="")
    labels = models.JSONField(default=dict, blank=True)
    ttl = models.PositiveIntegerField(default=0)
    protected = models.BooleanField(default=False)
    # For a trial of its template: terminated once it runs or fails, or at this time.
    trial_until = models.DateTimeField(null=True, blank=True, editable=False)
    created_by = models.CharField(max_length=150, blank=True, default="")
    # It is to get no new builds. Whether its agent follows stands on its Host.
    cordoned = models.BooleanField(default=False)
    # When its instance became ready, so that builds can run on it.
    ready_at = models.DateTimeField(null=True, blank=True, editable=False)
    # When it last lost its health or its instance while it ran.
    lost_at = models.DateTimeField(null=True, blank=True, editable=False)

    # The fields of the engine.
    want = models.CharField(max_length=8, choices=_choices(Want), default=Want.RUN)
    hidden = models.BooleanField(default=False)
    attempt_number = models.PositiveIntegerField(default=0)
    placement = models.PositiveSmallIntegerField(default=0)
    # Attempts up to this number were before a retry, and don't count.
    tried_from = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    waiting = models.TextField(blank=True, default="")
    state_since = models.DateTimeField(db_default=Now())
    fence = models.PositiveBigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_by = models.CharField(max_length=100, blank=True, default="")
    next_step_at = models.DateTimeField(null=True, blank=True)
    deadline_at = models.DateTimeField(null=True, blank=True)
    # What is left of the pending deadline while it is stopped; null: all of it.
    pending_left = models.DurationField(null=True, blank=True)
    # When the next step was planned. If that time has passed, no worker took the row.
    planned_at = models.DateTimeField(null=True, blank=True)
    # Grows with each change of what the API shows. Database triggers write it.
    version = models.BigIntegerField(default=0, editable=False)

    class Meta:
        ordering: ClassVar = ["created_at", "id"]
        permissions: ClassVar = [("view_secrets", "Can read the keys of servers")]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["name"],
                condition=Q(hidden=False),
                name="one_visible_server_per_name",
            ),
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in State]),
                name="server_state_is_known",
            ),
            models.CheckConstraint(
                condition=Q(capacity__gte=1, capacity__lte=1000),
                name="server_capacity_in_bounds",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["next_step_at"],
                condition=Q(next_step_at__isnull=False),
                name="server_due",
            ),
            models.Index(fields=["state", "account"], name="server_by_state"),
            # Counts servers against a limit from the index alone.
            models.Index(fields=["account", "state"], name="server_by_account"),
            models.Index(fields=["template", "state"], name="server_by_template"),
            models.Index(
                fields=["pool"],
                condition=Q(pool__isnull=False),
                name="server_by_pool",
            ),
            models.Index(fields=["created_at", "id"], name="server_by_age"),
        ]

    def __str__(self) -> str:
        return self.name
