"""Mappings and lists in forms: one ``name=value``, or one value, per line."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django import forms

from servers.models.multiline import Multiline

MAX_TEXT: Final = 20_000


class _Lines(forms.CharField):
    """Text with one entry per line. ``help_text`` says what an entry is."""

    def __init__(self, **options: Any) -> None:
        rows = Multiline(attrs={"rows": 3, "spellcheck": "false"})
        options.setdefault("widget", rows)
        options.setdefault("max_length", MAX_TEXT)
        options.setdefault("required", False)
        super().__init__(**options)


class LinesField(_Lines):
    """A mapping of strings, entered as lines of ``name=value``."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", "One name=value per line.")
        super().__init__(**options)

    def clean(self, value: Any) -> dict[str, str]:
        """Return the lines as a mapping."""
        return read_lines(super().clean(value))


class ListField(_Lines):
    """A list of strings, entered one per line.

    ``check`` returns what is wrong with a list, or "".
    """

    def __init__(
        self, *, check: Callable[[object], str] = lambda _: "", **kwargs: Any
    ) -> None:
        self.check = check
        super().__init__(**kwargs)

    def clean(self, value: Any) -> list[str]:
        """Return the lines that are not empty, each only once."""
        lines = (line.strip() for line in super().clean(value).splitlines())
        found = list(dict.fromkeys(filter(None, lines)))
        if found and (wrong := self.check(found)):
            raise forms.ValidationError(wrong)
        return found

    def prepare_value(self, value: Any) -> Any:
        """Return a stored list as the text of the field."""
        if isinstance(value, list | tuple):
            return "\n".join(str(each) for each in value)
        return value


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
