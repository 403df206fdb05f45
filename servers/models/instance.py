"""Instances with the fleet's tag that were seen at a cloud."""

from typing import ClassVar, Final

from django.db import models

from servers.clouds.base import Meaning
from servers.lifecycle.states import Verdict
from servers.models.account import Account
from servers.models.attempt import Attempt

# What it costs is not in the sums per day, or not all of it.
UNSUMMED: Final = (
    models.Q(live=True)
    | models.Q(summed_until__isnull=True)
    | models.Q(summed_until__lt=models.F("gone_at"))
)


class Instance(models.Model):
    """One instance, as the cloud's answers and complete listings showed it.

    It has one row, however many accounts see it. ``identity`` is their identity at the
    cloud (Account.cloud_identity). ``account`` is the one that owns it, which judges,
    counts and destroys it; see reconciler/owners.py. ``first_seen`` is when it was
    first recorded, and ``listed_from`` the start of the first complete listing that
    showed it. ``missed_from`` is the start of the first complete listing in a row that
    did not show it, and is empty while the newest one shows it. So an instance that has
    not changed costs no write. ``condemned_at`` is never unset. ``server_uid`` is read
    from the key; the server's row need not exist.
    """

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="instances", db_index=False
    )
    # None while it is not known. Only then can an instance have two rows.
    identity = models.CharField(max_length=300, null=True, blank=True, default=None)
    region = models.CharField(max_length=100, blank=True, default="")
    instance_id = models.CharField(max_length=255)
    name = models.CharField(max_length=255, blank=True, default="")
    key = models.CharField(max_length=63, db_index=True)
    server_uid = models.UUIDField(null=True, blank=True, db_index=True)
    attempt = models.ForeignKey(
        Attempt, on_delete=models.SET_NULL, null=True, related_name="instances"
    )
    raw_status = models.CharField(max_length=64, blank=True, default="")
    live = models.BooleanField(default=True)
    # What the raw status means: a value of clouds.base.Meaning.
    meaning = models.CharField(max_length=16, default=Meaning.RUNNING.value)
    address = models.CharField(max_length=255, blank=True, default="")
    fault = models.TextField(blank=True, default="")
    # A spot instance that the cloud takes back, or has taken back.
    interrupted = models.BooleanField(default=False)
    first_seen = models.DateTimeField()
    listed_from = models.DateTimeField(null=True, blank=True)
    missed_from = models.DateTimeField(null=True, blank=True)
    gone_at = models.DateTimeField(null=True, blank=True)
    condemned_at = models.DateTimeField(null=True, blank=True)
    condemned_for = models.TextField(blank=True, default="")
    destroy_asked_at = models.DateTimeField(null=True, blank=True)
    destroy_failures = models.PositiveIntegerField(default=0)
    destroy_error = models.TextField(blank=True, default="")
    next_step_at = models.DateTimeField(null=True, blank=True)
    # What it cost before this time is in the sums per day.
    summed_until = models.DateTimeField(null=True, blank=True, editable=False)
    verdict = models.CharField(
        max_length=16,
        choices=[(verdict.value, verdict.value) for verdict in Verdict],
        default=Verdict.OURS,
    )

    class Meta:
        ordering: ClassVar = ["first_seen", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "region", "instance_id"], name="one_row_per_instance"
            ),
            models.UniqueConstraint(
                fields=["identity", "region", "instance_id"],
                name="one_row_per_identity",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["account", "region", "verdict"],
                condition=models.Q(live=True),
                name="instance_live",
            ),
            models.Index(
                fields=["verdict", "first_seen"],
                condition=models.Q(live=True),
                name="instance_by_verdict",
            ),
            models.Index(
                fields=["account", "gone_at"],
                condition=models.Q(gone_at__isnull=False),
                name="instance_gone",
            ),
            models.Index(
                fields=["account"], condition=UNSUMMED, name="instance_unsummed"
            ),
            models.Index(
                fields=["next_step_at"],
                condition=models.Q(next_step_at__isnull=False),
                name="instance_due",
            ),
        ]

    def __str__(self) -> str:
        return self.instance_id
