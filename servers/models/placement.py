"""Placements of templates and of their versions."""

import re
from decimal import Decimal
from typing import Any, ClassVar, Final

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models

from servers.lifecycle.snapshot import Placement
from servers.models.account import Account
from servers.models.template import Template, TemplateVersion

CURRENCY: Final = re.compile(r"[A-Z]{3}")
CURRENCY_RULE: Final = "Use three capital letters, such as EUR or USD."
ACCOUNT_GONE: Final = "This account no longer exists. Choose another account."


class _PlacementManager(models.Manager["PlacementFields"]):
    """Placements are of no use without their account."""

    def get_queryset(self) -> models.QuerySet["PlacementFields"]:
        return super().get_queryset().select_related("account")


class PlacementFields(models.Model):
    """Where a server can be created, and as what: one row of an ordered list.

    Position 0 is the default. The others are its fallbacks, in any account, each with
    its own image.
    """

    position = models.PositiveSmallIntegerField(default=0)
    account = models.ForeignKey(
        Account,
        on_delete=models.PROTECT,
        related_name="+",
        error_messages={"invalid": ACCOUNT_GONE},
    )
    region = models.CharField(
        max_length=100,
        blank=True,
        default="",
        help_text="Leave empty to use the account's region.",
    )
    image = models.CharField(
        max_length=255, help_text="The cloud's name for the image."
    )
    size = models.CharField(max_length=255, help_text="The cloud's name for the size.")
    ssh_key = models.CharField(
        "SSH key",
        max_length=255,
        blank=True,
        default="",
        help_text="Name of a key pair at the cloud.",
    )
    options = models.JSONField(default=dict, blank=True)
    spot = models.BooleanField(
        "spot instance",
        default=False,
        help_text="Cheaper, but the cloud may take it back at any time.",
    )
    price_per_hour = models.DecimalField(
        max_digits=10,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
        help_text="What a server costs per hour. Leave empty to use the price that "
        "the cloud lists for the size. No price is listed for spot instances, so "
        "without one their cost is unknown.",
    )
    currency = models.CharField(
        max_length=3,
        blank=True,
        default="",
        validators=[RegexValidator(rf"\A{CURRENCY.pattern}\Z", CURRENCY_RULE)],
        help_text="The currency of the price, such as EUR or USD.",
    )

    objects: ClassVar[models.Manager[Any]] = _PlacementManager()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return " ".join(filter(None, (str(self.account), self.region, self.size)))

    def freeze(self) -> Placement:
        """Return the placement as the engine decides about it."""
        return Placement(
            position=self.position,
            account=self.account_id,
            region=self.region,
            image=self.image,
            size=self.size,
            ssh_key=self.ssh_key,
            options=self.options,
            spot=self.spot,
            price_per_hour=self.price_per_hour,
            currency=self.currency,
        )


class TemplatePlacement(PlacementFields):
    """A placement of a template as it is now."""

    template = models.ForeignKey(
        Template, on_delete=models.CASCADE, related_name="placements"
    )

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["template", "position"], name="one_template_placement"
            )
        ]


class VersionPlacement(PlacementFields):
    """A placement as it was. It is never changed after its insert."""

    version = models.ForeignKey(
        TemplateVersion, on_delete=models.CASCADE, related_name="placements"
    )

    class Meta:
        ordering: ClassVar = ["position"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["version", "position"], name="one_version_placement"
            )
        ]


# The fields of a placement that people set.
PLACEMENT_FIELDS: Final = tuple(
    field.name for field in PlacementFields._meta.fields if field.name != "position"
)
