"""What servers cost."""

from typing import Any, ClassVar, Final

from servers.api.serializers.base import Shape
from servers.api.serializers.fields import Choice, Count, Seconds, Text
from servers.api.serializers.servers import AT
from servers.lifecycle.billing import ZONE
from servers.reports.costs import say_exactly

_DECIMAL: Final = {"pattern": r"^[0-9]+\.[0-9]{4}$"}


def _amount(name: str, says: str) -> Text:
    return Text(
        value=lambda amount: say_exactly(getattr(amount, name)),
        rules=_DECIMAL,
        help_text=says,
    )


class AmountSerializer(Shape):
    """What was spent in one currency, as decimal numbers."""

    currency = Text(help_text="Such as EUR; empty if a price was set without one.")
    today = _amount("today", "Since midnight.")
    month = _amount("month", "Since the first of the month.")

    example: ClassVar = {"currency": "EUR", "today": "1.3600", "month": "40.8125"}


class TotalSerializer(AmountSerializer):
    """What a server has cost in one currency, as decimal numbers."""

    total = _amount("whole", "Since it was requested.")

    example: ClassVar = {**AmountSerializer.example, "total": "40.8125"}


_UNKNOWN: Final = "Billed seconds without a known price, {}. Not in the amounts."


class CostsSerializer(Shape):
    """What was spent. Currencies are never added up."""

    amounts = AmountSerializer(many=True)
    unknown_today = Count(help_text=_UNKNOWN.format("since midnight"))
    unknown_month = Count(help_text=_UNKNOWN.format("since the first of the month"))

    example: ClassVar = {
        "amounts": [AmountSerializer.example],
        "unknown_today": 0,
        "unknown_month": 3600,
    }


class ServerCostsSerializer(Shape):
    """What all instances of a server have cost, failed ones included."""

    zone = Choice(choices=[ZONE], default=ZONE, help_text="Of days and months.")
    amounts = TotalSerializer(many=True)
    unknown_today = Count(help_text=_UNKNOWN.format("since midnight"))
    unknown_month = Count(help_text=_UNKNOWN.format("since the first of the month"))
    unknown_total = Count(
        source="unknown_whole", help_text=_UNKNOWN.format("since it was requested")
    )

    example: ClassVar = {"amounts": [TotalSerializer.example]}


class NamedCostsSerializer(CostsSerializer):
    """What was spent for the servers of one account, template or pool."""

    name = Text()

    example: ClassVar = {**CostsSerializer.example, "name": "large"}

    def get_fields(self) -> dict[str, Any]:
        """Put the name first."""
        fields = super().get_fields()
        return {"name": fields.pop("name"), **fields}


class SpendingSerializer(Shape):
    """What the fleet has spent today and this month."""

    zone = Choice(choices=[ZONE], default=ZONE, help_text="Of days and months.")
    at = Seconds("When this was computed.")
    fleet = CostsSerializer()
    accounts = NamedCostsSerializer(many=True)
    templates = NamedCostsSerializer(
        many=True, help_text="Deleted templates are only in the sums of accounts."
    )

    pools = NamedCostsSerializer(
        many=True, help_text="Deleted pools are only in the sums of accounts."
    )

    example: ClassVar = {
        "at": AT,
        "fleet": CostsSerializer.example,
        "accounts": [{**NamedCostsSerializer.example, "name": "sandbox"}],
        "templates": [NamedCostsSerializer.example],
        "pools": [{**NamedCostsSerializer.example, "name": "linux"}],
    }
