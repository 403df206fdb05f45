"""An attempt to create an instance: written before the call, kept the longest."""

import uuid
from typing import ClassVar

from django.db import models

from servers.lifecycle.billing import Price
from servers.lifecycle.states import Outcome
from servers.models.account import Account
from servers.models.fields import EncryptedTextField
from servers.models.server import Server
from servers.models.template import TemplateVersion


class Attempt(models.Model):
    """One attempt, in one location, with one key.

    ``lease_end`` is the end of the lease under which the call could be sent.
    ``looked_at`` is the start of the last look by key that found nothing live. Only the
    process that wrote the attempt sends the call, and only once. Its parameters are
    stored, as ``spec``, only where the cloud needs more than that call, and only until
    the instance is finished or given up (engine/finish.py). The attempt outlives the
    server, so it has the server's id and name.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    server = models.ForeignKey(
        Server, on_delete=models.SET_NULL, null=True, related_name="attempts"
    )
    server_uid = models.UUIDField()
    server_name = models.CharField(max_length=63)
    number = models.PositiveIntegerField()
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="attempts", db_index=False
    )
    region = models.CharField(max_length=100, blank=True, default="")
    size = models.CharField(max_length=255, blank=True, default="")
    # The image that was created from, also if the template has a rule.
    image = models.CharField(max_length=255, blank=True, default="")
    placement = models.PositiveSmallIntegerField(default=0)
    key = models.CharField(max_length=63, unique=True)
    token = models.CharField(max_length=64)
    asked_at = models.DateTimeField()
    lease_end = models.DateTimeField()
    looked_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(
        max_length=16,
        choices=[(outcome.value, outcome.value) for outcome in Outcome],
        default=Outcome.ASKED,
    )
    answer = models.TextField(blank=True, default="")
    answer_class = models.CharField(max_length=64, blank=True, default="")
    answered_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    spec = EncryptedTextField()
    finished_at = models.DateTimeField(null=True, blank=True, editable=False)
    instance_id = models.CharField(max_length=255, blank=True, default="")
    # How its placement and its image were chosen, if not by the list alone.
    note = models.TextField(blank=True, default="", editable=False)
    # What its server is created from, and when the server became ready; see boots.py.
    recipe = models.ForeignKey(
        TemplateVersion,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
    )
    ready_at = models.DateTimeField(null=True, blank=True, editable=False)
    # What an hour of its instance costs, as known when the call was sent; or unknown.
    price_per_hour = models.DecimalField(
        max_digits=16, decimal_places=8, null=True, blank=True, editable=False
    )
    currency = models.CharField(max_length=3, blank=True, default="", editable=False)
    # The pool that its server was created for; an id, because costs outlive pools.
    pool = models.UUIDField(null=True, blank=True, editable=False)

    class Meta:
        ordering: ClassVar = ["asked_at", "number"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["server_uid", "number"], name="one_attempt_per_number"
            ),
            models.CheckConstraint(
                condition=models.Q(outcome__in=[outcome.value for outcome in Outcome]),
                name="attempt_outcome_is_known",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["account", "asked_at"], name="attempt_by_account"),
            models.Index(
                fields=["ready_at"],
                condition=models.Q(ready_at__isnull=False),
                name="attempt_by_boot",
            ),
            models.Index(fields=["account", "outcome"], name="attempt_by_outcome"),
            models.Index(fields=["closed_at"], name="attempt_by_end"),
        ]

    def __str__(self) -> str:
        return self.key

    @property
    def price(self) -> Price:
        """What an hour of its instance costs."""
        return Price(self.price_per_hour, self.currency)

    @property
    def is_unfinished(self) -> bool:
        """Whether its instance still needs ``Cloud.finish``. Decrypts nothing."""
        return bool(self.__dict__["spec"])
