"""``name=value``, one a line: how forms take labels and options."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms

from servers.multiline import Multiline

MOST_TEXT: Final = 20_000


class LinesField(forms.CharField):
    """An object of texts, as lines of ``name=value``."""

    def __init__(self, **options: Any) -> None:
        rows = Multiline(attrs={"rows": 3, "spellcheck": "false"})
        options.setdefault("widget", rows)
        options.setdefault("help_text", "One a line: name=value.")
        super().__init__(max_length=MOST_TEXT, required=False, **options)

    def clean(self, value: Any) -> dict[str, str]:
        """Return the lines as an object."""
        return read_lines(super().clean(value))


def read_lines(text: str) -> dict[str, str]:
    """Return the lines as an object; ValidationError for what is no such line."""
    found = {}
    for line in text.splitlines():
        if not line.strip():
            continue
        name, sign, value = line.partition("=")
        if not sign:
            raise forms.ValidationError(f"{line[:50]!r} is not name=value.")
        found[name.strip()] = value.strip()
    return found


def join_lines(values: Mapping[str, Any]) -> str:
    """Return an object as the field takes it, in its order."""
    return "\n".join(f"{name}={value}" for name, value in values.items())
