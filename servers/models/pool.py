"""Queues of CI systems, and pools: servers that follow them."""

import uuid
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from servers.models.account import NAME_HELP, NAME_TAKEN, validate_name
from servers.models.fields import EncryptedTextField
from servers.models.template import Template


class Queue(models.Model):
    """A CI system's queue, and what it showed last.

    ``fence`` and ``lease_until`` let only one process read it at a time. ``jobs`` is
    the last snapshot, as of ``read_from``: a list of lists (records/snapshots.py).
    ``counts`` are their numbers by state, and ``unmatched`` describes those that no
    pool can run (pools/unmatched.py). ``problem`` is why the last read failed, if it
    did; ``answered_at`` is when one last succeeded. ``generation`` grows with each
    change of the credentials or the URL, so that an answer to older ones is dropped. If
    the jobs are pushed, ``seq`` and ``digest`` (SHA-256 in hex) are of the latest push,
    which holds until ``expires_at``. ``agents`` is the snapshot's, and ``cordons`` is
    what the CI was told of its agents (pools/cordons.py); ``cordon_problem`` is why it
    could not be told, if so. ``runner_problem`` is why a runner could not be removed
    (pools/runners.py), or ""; ``runners_after`` is when it is tried again after that,
    ``runners_at`` when all runners were last listed, and ``strays`` says since when
    some of the fleet's names have been seen that no attempt explains. ``read_after`` is
    when the CI may be asked again, whatever hastens that. ``refused_until`` is when it
    may be called again at all, after it throttled (placing/queue_gate.py).
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(
        max_length=63,
        unique=True,
        validators=[validate_name],
        help_text=NAME_HELP,
        error_messages=NAME_TAKEN,
    )
    kind = models.CharField(max_length=32)
    url = models.CharField(max_length=500, blank=True, default="")
    credentials = EncryptedTextField()
    options = models.JSONField(default=dict, blank=True)
    enabled = models.BooleanField(
        default=True,
        help_text="When disabled, it is not read, and its pools change nothing.",
    )
    generation = models.PositiveIntegerField(default=1, editable=False)

    fence = models.PositiveBigIntegerField(default=0, editable=False)
    lease_until = models.DateTimeField(null=True, blank=True, editable=False)
    lease_by = models.CharField(max_length=100, blank=True, default="", editable=False)
    next_read_at = models.DateTimeField(
        db_default=Now(), null=True, db_index=True, editable=False
    )
    read_after = models.DateTimeField(null=True, blank=True, editable=False)
    refused_until = models.DateTimeField(null=True, blank=True, editable=False)
    read_from = models.DateTimeField(null=True, blank=True, editable=False)
    answered_at = models.DateTimeField(null=True, blank=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False)
    problem = models.TextField(blank=True, default="", editable=False)
    complete = models.BooleanField(default=True, editable=False)
    paused = models.BooleanField(default=False, editable=False)
    names_servers = models.BooleanField(default=True, editable=False)
    agents = models.JSONField(default=dict, blank=True, editable=False)
    jobs = models.JSONField(default=list, blank=True, editable=False)
    counts = models.JSONField(default=dict, blank=True, editable=False)
    unmatched = models.JSONField(default=list, blank=True, editable=False)
    seq = models.BigIntegerField(null=True, blank=True, editable=False)
    digest = models.CharField(max_length=64, blank=True, default="", editable=False)
    expires_at = models.DateTimeField(null=True, blank=True, editable=False)
    cordons = models.JSONField(default=dict, blank=True, editable=False)
    cordon_problem = models.TextField(blank=True, default="", editable=False)
    runner_problem = models.TextField(blank=True, default="", editable=False)
    runners_after = models.DateTimeField(null=True, blank=True, editable=False)
    runners_at = models.DateTimeField(null=True, blank=True, editable=False)
    strays = models.JSONField(default=dict, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Pool(models.Model):
    """Servers of a template that follow the jobs of a queue, by a policy.

    ``policy`` and ``memo`` are JSON of lifecycle/pools. Each plan that is carried out
    raises ``fence``, so that another one made from the same state does nothing.
    ``why`` and ``figures`` are the last plan's, ``totals`` what all plans add up to.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(
        max_length=63,
        unique=True,
        validators=[validate_name],
        help_text=NAME_HELP,
        error_messages=NAME_TAKEN,
    )
    template = models.ForeignKey(
        Template, on_delete=models.PROTECT, related_name="pools"
    )
    queue = models.ForeignKey(Queue, on_delete=models.PROTECT, related_name="pools")
    labels = models.JSONField(
        default=dict, blank=True, help_text="What its servers offer to jobs."
    )
    priority = models.IntegerField(
        default=0,
        validators=[MinValueValidator(-1000), MaxValueValidator(1000)],
        help_text="Of pools that fit a job equally well, the one with the higher "
        "priority serves it.",
    )
    policy = models.JSONField(default=dict, blank=True)
    enabled = models.BooleanField(
        default=True, help_text="When disabled, it changes nothing."
    )
    dry = models.BooleanField(
        "dry run",
        default=False,
        help_text="It says what it would do, and changes nothing.",
    )
    frozen = models.BooleanField(default=False, help_text="It stops no server.")

    memo = models.JSONField(default=dict, blank=True, editable=False)
    fence = models.PositiveBigIntegerField(default=0, editable=False)
    planned_at = models.DateTimeField(null=True, blank=True, editable=False)
    next_plan_at = models.DateTimeField(
        db_default=Now(), null=True, db_index=True, editable=False
    )
    why = models.JSONField(default=list, blank=True, editable=False)
    figures = models.JSONField(default=dict, blank=True, editable=False)
    totals = models.JSONField(default=dict, blank=True, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class PoolPlan(models.Model):
    """One plan that changed something, or said something new. Kept for some days."""

    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="plans")
    at = models.DateTimeField()
    why = models.JSONField(default=list)
    figures = models.JSONField(default=dict)
    changed = models.BooleanField(default=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["pool", "at"], name="plan_by_pool")]

    def __str__(self) -> str:
        return f"{self.pool_id} at {self.at}"
