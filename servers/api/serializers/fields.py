"""Fields that accept exactly one JSON type, and describe themselves.

Their limits describe the values for the OpenAPI document. The operation that saves a
value checks them, whoever calls it, so these fields check nothing but the type.
"""

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from rest_framework import serializers

from servers.operations.saving import MAX_INTEGER
from servers.reports.server_json import to_seconds

NO_NUL: Final = r"^[^\u0000]*$"
# Our own format, like Python's str.isprintable: no control characters, no line
# separators, no unassigned code points.
PRINTABLE: Final = "printable"


class _Strict(serializers.Field):  # type: ignore[type-arg]
    """A field of one JSON type.

    ``value`` reads it from the row, if that takes more than an attribute. ``rules`` are
    further keywords of JSON Schema.
    """

    words = ""  # "a string", to follow "Send"
    json_type: type = object

    def __init__(
        self,
        *,
        value: Callable[[Any], Any] | None = None,
        rules: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.value = value
        self.rules = rules or {}
        super().__init__(**kwargs)

    def accepts(self, value: Any) -> bool:
        """Return whether the value is of the field's JSON type."""
        return isinstance(value, self.json_type)

    def run_validation(self, data: Any = None) -> Any:
        """Return the value if it has the right type; raise ValidationError."""
        if data is None and self.allow_null:
            return None
        if not self.accepts(data):
            null = " or null" if self.allow_null else ""
            raise serializers.ValidationError(f"Send {self.words}{null}.")
        return self.to_internal_value(data)

    def to_internal_value(self, data: Any) -> Any:
        """Return the value as the operations take it."""
        return data

    def get_attribute(self, instance: Any) -> Any:
        """Return the value of a row."""
        if self.value is not None:
            return self.value(instance)
        return super().get_attribute(instance)

    def to_representation(self, value: Any) -> Any:
        """Return the value as JSON."""
        return value


class Text(_Strict, serializers.CharField):
    """A string."""

    words = "a string"

    def accepts(self, value: Any) -> bool:
        """Return whether it is a string that a database can store."""
        return isinstance(value, str) and "\0" not in value


class Choice(_Strict, serializers.ChoiceField):
    """One of some strings."""

    words = "a string"
    accepts = Text.accepts


class Whole(_Strict, serializers.IntegerField):
    """A whole number, by default from 0 to the largest that a column can store."""

    words = "a whole number"

    def __init__(
        self, *, min_value: int = 0, max_value: int = MAX_INTEGER, **kwargs: Any
    ) -> None:
        super().__init__(min_value=min_value, max_value=max_value, **kwargs)

    def accepts(self, value: Any) -> bool:
        """Return whether it is a whole number. In JSON, 2.0 is one, and true is not."""
        if isinstance(value, float):
            return value.is_integer()
        return isinstance(value, int) and not isinstance(value, bool)

    def to_internal_value(self, data: Any) -> int:
        """Return an int, even for 2.0."""
        return int(data)


class Column(Whole):
    """A whole number of a model, with SQLite's limit brought down to PostgreSQL's."""

    def __init__(self, *, max_value: int = MAX_INTEGER, **kwargs: Any) -> None:
        super().__init__(max_value=min(max_value, MAX_INTEGER), **kwargs)


class Count(_Strict, serializers.IntegerField):
    """A whole number in an answer."""

    def __init__(self, *, min_value: int = 0, **kwargs: Any) -> None:
        super().__init__(min_value=min_value, **kwargs)


class Number(_Strict, serializers.FloatField):
    """A number in an answer."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, **kwargs)


class Flag(_Strict, serializers.BooleanField):
    """True or false."""

    words = "true or false"
    json_type = bool


class Object(_Strict, serializers.DictField):
    """A JSON object of anything."""

    words = "an object"
    json_type = dict

    def __init__(self, *, encoder: Any = None, decoder: Any = None, **kwargs: Any):
        # Those two are what DRF passes for a column of JSON.
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Any:
        """Return the object with an int for each number such as 2.0.

        In JSON both are the same, but not every cloud or CI accepts 2.0 where it
        expects a whole number.
        """
        return {
            name: int(value)
            if isinstance(value, float) and value.is_integer()
            else value
            for name, value in data.items()
        }


class Texts(Object):
    """A JSON object of strings."""

    words = "an object with string values"
    child = Text(allow_blank=True)

    def accepts(self, value: Any) -> bool:
        """Return whether it is an object of strings."""
        return isinstance(value, dict) and all(map(self.child.accepts, value.values()))


class Array(_Strict, serializers.ListField):
    """An array. ``child`` only describes its values."""

    words = "an array"
    json_type = list


class Price(Text):
    """A decimal number as a string, such as 0.0425, or null."""

    pattern = re.compile(r"[0-9]{1,6}(\.[0-9]{1,4})?")

    def __init__(
        self,
        *,
        max_digits: int = 0,
        decimal_places: int = 0,
        min_value: int = 0,
        **kwargs: Any,
    ) -> None:
        # The pattern says what these three, which DRF passes for the column, say.
        rules = {"pattern": f"^(?:{self.pattern.pattern})$"}
        super().__init__(rules=rules, **kwargs)

    def to_internal_value(self, data: str) -> Decimal:
        """Return the number. Decimal itself also accepts signs, spaces and Infinity."""
        if not self.pattern.fullmatch(data):
            raise serializers.ValidationError(
                "Send a decimal number as a string, such as 0.0425."
            )
        return Decimal(data)

    def to_representation(self, value: Decimal) -> str:
        """Return the number as it is stored."""
        return str(value)


class Seconds(Count):
    """A time in Unix seconds; 0 for not yet or never."""

    def __init__(self, says: str, **kwargs: Any) -> None:
        help_text = f"{says} Unix seconds; 0 means not yet or never."
        super().__init__(help_text=help_text, **kwargs)

    def get_attribute(self, instance: Any) -> int:
        """Return the seconds, also for None, which DRF would not pass on."""
        at: datetime | None = super().get_attribute(instance)
        return to_seconds(at)


class Age(Count):
    """A time span in seconds."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(help_text="In seconds.", **kwargs)

    def to_representation(self, value: timedelta) -> int:
        """Return whole seconds."""
        return int(value.total_seconds())
