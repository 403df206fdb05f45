"""Labels and options in forms: one ``name=value`` per line."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms

from servers.models.multiline import Multiline

MAX_TEXT: Final = 20_000


class LinesField(forms.CharField):
    """A mapping of strings, entered as lines of ``name=value``."""

    def __init__(self, **options: Any) -> None:
        rows = Multiline(attrs={"rows": 3, "spellcheck": "false"})
        options.setdefault("widget", rows)
        options.setdefault("help_text", "One name=value per line.")
        super().__init__(max_length=MAX_TEXT, required=False, **options)

    def clean(self, value: Any) -> dict[str, str]:
        """Return the lines as a mapping."""
        return read_lines(super().clean(value))


def read_lines(text: str) -> dict[str, str]:
    """Return the lines as a mapping; raise ValidationError for any other line."""
    found = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, sign, value = line.partition("=")
        if not sign:
            raise forms.ValidationError(
                f"{line[:50]!r} does not have the form name=value."
            )
        found[name.strip()] = value.strip()
    return found


def join_lines(values: Mapping[str, Any]) -> str:
    """Return a mapping as the text of the field, in the same order."""
    return "\n".join(f"{name}={value}" for name, value in values.items())
