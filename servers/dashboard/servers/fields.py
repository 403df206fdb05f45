"""Form fields of servers."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms

MOST_LABEL_TEXT: Final = 20_000


class LabelsField(forms.CharField):
    """Labels as lines of ``name=value``."""

    def __init__(self, **options: Any) -> None:
        rows = forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})
        options.setdefault("widget", rows)
        options.setdefault("help_text", "One a line: name=value.")
        super().__init__(max_length=MOST_LABEL_TEXT, required=False, **options)

    def clean(self, value: Any) -> dict[str, str]:
        """Return the lines as an object."""
        labels = {}
        for line in super().clean(value).splitlines():
            if not line.strip():
                continue
            name, sign, text = line.partition("=")
            if not sign:
                raise forms.ValidationError(f"{line[:50]!r} is not name=value.")
            labels[name.strip()] = text.strip()
        return labels


def join_labels(labels: Mapping[str, str]) -> str:
    """Return labels as the field takes them."""
    return "\n".join(f"{name}={value}" for name, value in sorted(labels.items()))
