"""The placements of a template: where a server can be created, and as what."""

from typing import Any, ClassVar, Final

from rest_framework import serializers

from servers.api.serializers.base import ModelShape
from servers.api.serializers.fields import Text
from servers.errors import InvalidError
from servers.models import TemplatePlacement
from servers.models.placement import CURRENCY, PLACEMENT_FIELDS
from servers.operations.templates import MAX_PLACEMENTS


class _Placements(serializers.ListSerializer[Any]):
    """The placements in a request."""

    def run_validation(self, data: Any = None) -> list[dict[str, Any]]:
        """Return each placement's fields; raise ValidationError for the first wrong."""
        if not isinstance(data, list):
            raise serializers.ValidationError("Send an array.")
        # One too many is enough to be refused.
        few = data[: MAX_PLACEMENTS + 1]
        return [self._read(number, entry) for number, entry in enumerate(few, start=1)]

    def _read(self, number: int, entry: Any) -> dict[str, Any]:
        try:
            if not isinstance(entry, dict):
                raise InvalidError("Send an object.")
            found: dict[str, Any] = self.child.run_validation(entry)  # type: ignore[union-attr]
            return found
        except InvalidError as error:
            raise serializers.ValidationError(
                f"Placement {number}: {error.message}"
            ) from None


class PlacementSerializer(ModelShape):
    """Where a server can be created, and as what."""

    account = Text(source="account.name", help_text="The name of an account.")

    may_be_empty = True
    body: ClassVar = {"account": "sandbox", "image": "debian-12", "size": "large"}

    class Meta:
        model = TemplatePlacement
        fields = PLACEMENT_FIELDS
        list_serializer_class = _Placements
        extra_kwargs: ClassVar = {
            "options": {
                "help_text": "Options for the cloud. They override the account's. See "
                "the options of a new account of the same kind; templates can't have "
                "all of them."
            },
            "spot": {
                "help_text": "Whether the cloud may take its instances back at any "
                "time, for a lower price. Not every kind of cloud has that.",
            },
            "currency": {"rules": {"pattern": f"^(?:(?:{CURRENCY.pattern})?)$"}},
        }


PLACEMENT: Final = {
    "account": "sandbox",
    "image": "debian-12",
    "size": "large",
    "price_per_hour": "0.0425",
}
