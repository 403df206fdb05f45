"""JSON in the admin's forms: what no column can hold is refused at its field."""

import json
from typing import Any

from django import forms
from django.forms.fields import InvalidJSONInput


class JSONText(forms.JSONField):
    """A JSON value.

    Django's own field fails at values that are nested too deep, at numbers with too
    many digits, and at halves of characters, which JSON can spell.
    """

    def to_python(self, value: Any) -> Any:
        """Return the value, or raise ValidationError."""
        try:
            found = super().to_python(value)
            json.dumps(found, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            raise self._refuse(value) from None
        return found

    def bound_data(self, data: Any, initial: Any) -> Any:
        """Return what was typed, to be shown again as it is if it is refused."""
        try:
            self.to_python(data)
        except forms.ValidationError:
            return InvalidJSONInput(data)
        return super().bound_data(data, initial)

    def _refuse(self, value: Any) -> forms.ValidationError:
        return forms.ValidationError(
            self.error_messages["invalid"], code="invalid", params={"value": value}
        )
