"""A template's fallbacks as rows of a form, in the order they are tried."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django import forms

from servers.access.reach import reach_accounts
from servers.dashboard.shared.once import offer_rows
from servers.models import Account
from servers.operations.setup import ACCOUNT_GONE

MOST: Final = 10
# Empty rows at the end of a form.
SPARE: Final = 2


class FallbackForm(forms.Form):
    """One fallback. An empty field takes the template's own value."""

    account: "forms.ModelChoiceField[Account]" = forms.ModelChoiceField(
        None,  # set for each form
        to_field_name="name",
        required=False,
        empty_label="Template's account",
        error_messages={"invalid_choice": ACCOUNT_GONE},
    )
    region = forms.CharField(max_length=100, required=False)
    size = forms.CharField(max_length=100, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_rows(self, "account", reach_accounts().order_by("name"))

    @staticmethod
    def collect(rows: Iterable["FallbackForm"]) -> list[dict[str, str]]:
        """Return the rows as they are stored, without empty ones."""
        found = []
        for row in rows:
            data = {**row.cleaned_data}
            if data.get("account"):
                data["account"] = data["account"].name
            if entry := {name: text for name, text in data.items() if text}:
                found.append(entry)
        return found


def make_fallbacks(
    data: Mapping[str, Any] | None,
    *,
    stored: list[dict[str, str]],
    is_bound: bool,
) -> list[FallbackForm]:
    """Return the rows as sent, or as stored if nothing was sent.

    ``move`` in the data, such as ``2-up``, swaps two rows.
    """
    if data is None:
        count = min(MOST, len(stored) + SPARE)
        rows = [*stored, *({} for _ in range(count - len(stored)))]
    else:
        rows = [_read(data, number) for number in range(MOST) if _has(data, number)]
        rows = _move(rows, str(data.get("move", "")))
    choices = _list_accounts()
    forms_ = []
    for number, row in enumerate(rows):
        prefix = f"fallback-{number}"
        bound = (
            None
            if not is_bound
            else {f"{prefix}-{name}": text for name, text in row.items()}
        )
        form = FallbackForm(bound, initial=row, prefix=prefix, label_suffix="")
        # One query for all rows.
        form.fields["account"].widget.choices = choices
        forms_.append(form)
    return forms_


def is_move(data: Mapping[str, Any]) -> bool:
    """Return whether the request only swaps two rows."""
    return bool(data.get("move"))


def _list_accounts() -> list[tuple[str, str]]:
    names = reach_accounts().order_by("name").values_list("name", flat=True)
    return [("", "Template's account"), *((name, name) for name in names)]


def _has(data: Mapping[str, Any], number: int) -> bool:
    return any(f"fallback-{number}-{name}" in data for name in _NAMES)


def _read(data: Mapping[str, Any], number: int) -> dict[str, str]:
    return {name: data.get(f"fallback-{number}-{name}", "") for name in _NAMES}


def _move(rows: list[dict[str, str]], move: str) -> list[dict[str, str]]:
    number, _, _ = move.partition("-")
    index = int(number) if number.isascii() and number.isdigit() else 0
    if 0 < index < len(rows):
        rows[index - 1], rows[index] = rows[index], rows[index - 1]
    return rows


_NAMES: Final = ("account", "region", "size")
