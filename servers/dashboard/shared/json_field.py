"""A JSON object in forms, as somebody would write it into a file."""

import json
from typing import Any, Final

from django import forms

from servers.models.multiline import Multiline

MAX_TEXT: Final = 20_000
NO_OBJECT: Final = 'This is not a JSON object. Enter one such as {"debug": true}.'


class ObjectField(forms.CharField):
    """A JSON object. Empty text is an empty object."""

    def __init__(self, **options: Any) -> None:
        rows = Multiline(attrs={"rows": 4, "spellcheck": "false"})
        options.setdefault("widget", rows)
        super().__init__(max_length=MAX_TEXT, required=False, **options)

    def clean(self, value: Any) -> dict[str, Any]:
        """Return the object."""
        return read_object(super().clean(value))

    def prepare_value(self, value: Any) -> Any:
        """Return a stored object as the text of the field."""
        if isinstance(value, dict):
            return json.dumps(value, indent=2, ensure_ascii=False) if value else ""
        return value


def read_object(text: str) -> dict[str, Any]:
    """Return the object that a text is; raise ValidationError for any other text."""
    if not text.strip():
        return {}
    try:
        # Python would read NaN, which no JSON column can hold.
        found = json.loads(text, parse_constant=_refuse)
        # A null character can be written as an escape, and no column can hold it.
        if not isinstance(found, dict) or "\\u0000" in json.dumps(found):
            raise forms.ValidationError(NO_OBJECT)
    except (ValueError, RecursionError):
        raise forms.ValidationError(NO_OBJECT) from None
    return found


def _refuse(name: str) -> None:
    raise ValueError(name)
