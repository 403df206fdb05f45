"""Check JSON bodies: only known fields, each of its type."""

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from servers.errors import InvalidError


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\0" not in value


def _is_number(value: Any) -> bool:
    # Python's True is an int, but JSON's true is no number. 2.0 is a whole number.
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) and not isinstance(value, bool)


def _is_flag(value: Any) -> bool:
    return isinstance(value, bool)


def _is_labels(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value.values()))


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_list(value: Any) -> bool:
    return isinstance(value, list)


def _is_number_or_none(value: Any) -> bool:
    return value is None or _is_number(value)


def _is_text_or_none(value: Any) -> bool:
    return value is None or _is_text(value)


class Kind(Enum):
    """The type of a field, its check, and the error for any other type."""

    TEXT = (_is_text, "Send a string.")
    NUMBER = (_is_number, "Send a whole number.")
    FLAG = (_is_flag, "Send true or false.")
    LABELS = (_is_labels, "Send an object with string values.")
    OBJECT = (_is_object, "Send an object.")
    LIST = (_is_list, "Send an array.")
    NUMBER_OR_NONE = (_is_number_or_none, "Send a whole number or null.")
    TEXT_OR_NONE = (_is_text_or_none, "Send a string or null.")

    def __init__(self, accepts: Callable[[Any], bool], message: str) -> None:
        self.accepts = accepts
        self.message = message


def read_body(
    data: Mapping[str, Any], fields: Mapping[str, Kind], *, some: bool = False
) -> dict[str, Any]:
    """Return the checked body. Raise InvalidError with each wrong field.

    With ``some``, at least one field is required.
    """
    errors: dict[str, list[str]] = {}
    for name, value in data.items():
        kind = fields.get(name)
        if kind is None:
            errors[name[:100]] = [f"Unknown field. Use any of {', '.join(fields)}."]
        elif not kind.accepts(value):
            errors[name] = [kind.message]
    if some and not data:
        errors["body"] = [f"Send at least one of {', '.join(fields)}."]
    if errors:
        first = next(iter(errors))
        raise InvalidError(f"{first}: {errors[first][0]}", fields=errors)
    return {
        name: int(value) if isinstance(value, float) else value
        for name, value in data.items()
    }
