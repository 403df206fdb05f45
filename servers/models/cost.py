"""What instances that are gone have cost, as sums per day."""

from typing import ClassVar, Final
from uuid import UUID

from django.db import models
from django.db.models import Q

# The pool of what was created for none.
NO_POOL: Final = UUID(int=0)


class DayCost(models.Model):
    """How long instances of an account, a template and a pool were billed on a day.

    Days are UTC. At one price: seconds are added up exactly, amounts are not. Without a
    price, what they cost is unknown. The account, the template and the pool are ids,
    because sums outlive them. Only records/costs.py writes here.
    """

    day = models.DateField()
    account = models.UUIDField()
    template = models.UUIDField(null=True, blank=True)
    # Never null: each combination of nulls would need a constraint of its own.
    pool = models.UUIDField(default=NO_POOL)
    price_per_hour = models.DecimalField(
        max_digits=16, decimal_places=8, null=True, blank=True
    )
    currency = models.CharField(max_length=3, blank=True, default="")
    seconds = models.PositiveBigIntegerField(default=0)

    class Meta:
        ordering: ClassVar = ["-day", "id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=[
                    *("day", "account", "pool", "currency"),
                    *("template", "price_per_hour"),
                ],
                name="one_day_cost",
            ),
            models.UniqueConstraint(
                fields=["day", "account", "pool", "template"],
                condition=Q(price_per_hour=None),
                name="one_unknown_day_cost",
            ),
            models.UniqueConstraint(
                fields=["day", "account", "pool", "currency", "price_per_hour"],
                condition=Q(template=None),
                name="one_day_cost_without_template",
            ),
            models.UniqueConstraint(
                fields=["day", "account", "pool"],
                condition=Q(template=None, price_per_hour=None),
                name="one_unknown_day_cost_alone",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.day} {self.currency}".strip()
