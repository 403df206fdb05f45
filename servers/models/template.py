"""Templates and their versions. A server keeps the version it was created from."""

import uuid
from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Now

from servers.models.account import Account, validate_name
from servers.models.fields import EncryptedTextField


class Recipe(models.Model):
    """How to create a server: the fields that a template and its versions share.

    ``candidates`` are the fallbacks in order. Each is an object with any of ``account``
    (a name), ``region`` and ``size``; the template's own values are used for the rest.
    ``ttl`` is in seconds; 0 is no limit.
    """

    class Readiness(models.TextChoices):
        NONE = "none", "an address is enough"
        TCP = "tcp", "a port accepts connections (tcp)"

    class Overrides(models.TextChoices):
        ANY = "any", "any"
        LISTED = "listed", "only those of this template and its fallbacks"
        NONE = "none", "none"

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    region = models.CharField(max_length=100, blank=True, default="")
    image = models.CharField(max_length=255)
    size = models.CharField(max_length=255)
    capacity = models.PositiveIntegerField(
        default=2, validators=[MinValueValidator(1), MaxValueValidator(1000)]
    )
    user_data = EncryptedTextField()
    ssh_key = models.CharField(max_length=255, blank=True, default="")
    labels = models.JSONField(default=dict, blank=True)
    options = models.JSONField(default=dict, blank=True)
    readiness = models.CharField(
        max_length=16, choices=Readiness.choices, default=Readiness.NONE
    )
    readiness_port = models.PositiveIntegerField(
        default=22, validators=[MinValueValidator(1), MaxValueValidator(65535)]
    )
    ttl = models.PositiveIntegerField(default=0)
    price_per_hour = models.DecimalField(
        max_digits=10, decimal_places=4, null=True, blank=True
    )
    name_prefix = models.CharField(max_length=40, default="agent-")
    candidates = models.JSONField(default=list, blank=True)
    # Which image, region and size a request can use instead of the template's.
    overrides = models.CharField(
        max_length=16, choices=Overrides.choices, default=Overrides.LISTED
    )

    class Meta:
        abstract = True


class Template(Recipe):
    """A named recipe as it is now. Each change also adds a new version."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.CharField(max_length=63, unique=True, validators=[validate_name])
    version = models.PositiveIntegerField(default=0, editable=False)
    max_servers = models.PositiveIntegerField(null=True, blank=True)
    is_default = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["is_default"],
                condition=models.Q(is_default=True),
                name="one_default_template",
            )
        ]

    def __str__(self) -> str:
        return self.name


class TemplateVersion(Recipe):
    """A recipe as it was. It is never changed after its insert."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # A version outlives its template as long as a server needs it.
    template = models.ForeignKey(
        Template, on_delete=models.SET_NULL, null=True, related_name="versions"
    )
    template_name = models.CharField(max_length=63, blank=True, default="")
    number = models.PositiveIntegerField()
    actor = models.CharField(max_length=150, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        ordering: ClassVar = ["-number"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["template", "number"], name="one_version_per_number"
            )
        ]

    def __str__(self) -> str:
        return f"{self.template_name} v{self.number}"
