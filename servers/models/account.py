"""An account at a cloud, its locations (account and region), and their listings."""

import re
import uuid
from typing import ClassVar, Final

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models.functions import Now

from servers.models.fields import EncryptedTextField

# The names of accounts, templates and servers.
NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
NAME_RULE: Final = (
    "Use 1 to 63 lower-case letters, digits and hyphens, with a letter or digit at "
    "each end."
)
validate_name = RegexValidator(rf"\A{NAME.pattern}\Z", NAME_RULE)

NAME_HELP: Final = "Lower-case letters, digits and hyphens. You can't change it later."
NAME_TAKEN: Final = {"unique": "This name is already taken. Choose another name."}


class Account(models.Model):
    """A cloud and the credentials for it.

    ``identity`` is the cloud's own id of the account as first seen. A listing with
    another identity proves nothing. ``generation`` grows with each change of the
    credentials or the endpoint, which closes the gates of its locations.
    """

    class Breaker(models.TextChoices):
        CLOSED = "closed"
        OPEN = "open"
        HALF_OPEN = "half-open"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(
        max_length=63,
        unique=True,
        validators=[validate_name],
        help_text=NAME_HELP,
        error_messages=NAME_TAKEN,
    )
    kind = models.CharField(max_length=32)
    # A JSON object of strings. The adapter of its kind defines the keys.
    credentials = EncryptedTextField()
    endpoint = models.CharField(
        max_length=500,
        blank=True,
        default="",
        help_text="Leave empty to use the cloud's default.",
    )
    region = models.CharField(max_length=100, blank=True, default="")
    options = models.JSONField(default=dict, blank=True)
    identity = models.CharField(max_length=255, blank=True, default="")
    generation = models.PositiveIntegerField(default=1)

    max_servers = models.PositiveIntegerField(
        "server limit",
        default=20,
        validators=[MinValueValidator(1), MaxValueValidator(1_000_000)],
        help_text="Every server counts until it is confirmed gone.",
    )
    creates_per_minute = models.PositiveIntegerField(
        default=60, validators=[MinValueValidator(1), MaxValueValidator(1_000_000)]
    )
    calls_at_once = models.PositiveIntegerField(
        "concurrent calls",
        default=8,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
    )
    enabled = models.BooleanField(
        default=True,
        help_text="When disabled, no new servers are created. Existing servers are "
        "still tracked.",
    )

    # The cloud throttles creates: none is sent until then.
    throttled_until = models.DateTimeField(null=True, blank=True)
    breaker = models.CharField(
        max_length=16, choices=Breaker.choices, default=Breaker.CLOSED
    )
    breaker_note = models.TextField(blank=True, default="")
    breaker_failures = models.PositiveIntegerField(default=0)
    breaker_until = models.DateTimeField(null=True, blank=True)
    # When the last failure was counted. Calls sent before that are not counted again.
    breaker_failed_at = models.DateTimeField(null=True, blank=True)

    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def cloud_identity(self) -> str | None:
        """The kind and identity, equal for all accounts that see the same instances.

        None as long as the identity is unknown.
        """
        return f"{self.kind}:{self.identity}" if self.identity else None


class Location(models.Model):
    """A location: one region of an account, with its own listings, gate and health.

    Saving a template or accepting a server creates it. It is retired once nothing needs
    it (reconciler/locations.py). ``error`` is the error of its last listing, if that
    failed. ``fence`` and ``lease_until`` let only one process list it at a time.
    ``compared_at`` is when the last complete listing was compared with the rows, and
    ``compared_generation`` is the account's generation at its start.
    """

    class Health(models.TextChoices):
        UNKNOWN = "unknown", "not listed yet"
        OK = "ok", "ok"
        FAILING = "failing", "failing"
        REFUSED = "refused", "refused"  # the credentials
        WRONG_CLOCK = "wrong_clock", "wrong clock"  # of this machine

    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="locations"
    )
    region = models.CharField(max_length=100, blank=True)
    fence = models.PositiveBigIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_by = models.CharField(max_length=100, blank=True, default="")
    next_listing_at = models.DateTimeField(db_default=Now(), db_index=True)
    listed_from = models.DateTimeField(null=True, blank=True)
    compared_at = models.DateTimeField(null=True, blank=True)
    compared_generation = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True, default="")
    health = models.CharField(
        max_length=16, choices=Health.choices, default=Health.UNKNOWN
    )
    health_since = models.DateTimeField(null=True, blank=True)
    # Orphans and doubles that wait for a person: too many to destroy automatically.
    held = models.PositiveIntegerField(default=0)
    # When the last complete look for leftovers started.
    leftovers_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["account", "region"], name="one_location_per_account_and_region"
            )
        ]

    def __str__(self) -> str:
        return f"{self.account} {self.region}".strip()


# A location with one of these has no fresh listing.
UNHEALTHY: Final = frozenset(
    {Location.Health.FAILING, Location.Health.REFUSED, Location.Health.WRONG_CLOCK}
)


class Listing(models.Model):
    """One complete listing that counted; kept about a day, to prove absences.

    ``instances`` counts all that it showed, ``live`` the account's own live ones.
    """

    location = models.ForeignKey(
        Location, on_delete=models.CASCADE, related_name="listings"
    )
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField()
    instances = models.PositiveIntegerField(default=0)
    live = models.PositiveIntegerField(default=0)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["location", "started_at"], name="listing_by_start")
        ]

    def __str__(self) -> str:
        return f"{self.location_id} at {self.started_at}"
