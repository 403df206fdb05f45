"""A template's placements as blocks of a form, in the order they are tried."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms

from servers.access.reach import reach_accounts
from servers.clouds.registry import describe_kind
from servers.dashboard.shared.form_idempotency import add_errors, offer_rows
from servers.dashboard.shared.lines import LinesField, join_lines
from servers.dashboard.shared.model_fields import make_model_field
from servers.errors import FleetError
from servers.models import Account, TemplatePlacement
from servers.models.multiline import Multiline
from servers.models.placement import ACCOUNT_GONE
from servers.operations.templates import MAX_PLACEMENTS, check_placement
from servers.outgoing.fields import Field


class PlacementForm(forms.ModelForm):  # type: ignore[type-arg]
    """One placement. The first one's fields have no prefix."""

    account: "forms.ModelChoiceField[Account]" = forms.ModelChoiceField(
        None,  # set for each form
        to_field_name="name",
        empty_label=None,
        error_messages={"invalid_choice": ACCOUNT_GONE},
    )
    options = LinesField(
        label="Cloud options",
        widget=Multiline(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="One per line: name=value. These override the account's options.",
    )

    class Meta:
        model = TemplatePlacement
        fields = (
            "account",
            "region",
            "image",
            "size",
            "ssh_key",
            "spot",
            "price_per_hour",
            "currency",
            "options",
        )
        formfield_callback = make_model_field

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_rows(self, "account", reach_accounts().order_by("name"))

    def name_account(self) -> str:
        """Return the account that is shown: the first, unless one was chosen.

        Return "" if what was chosen is no account, since anything can be sent.
        """
        if "account" in self.errors:
            return ""
        names = self.fields["account"].queryset.values_list("name", flat=True)  # type: ignore[attr-defined]
        return self["account"].value() or names.first() or ""

    def clean(self) -> dict[str, Any]:
        """Read the options as the account's kind of cloud describes them, and check."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        account = data.get("account")
        if account is None or "options" not in data:
            return data
        known = _known_options(account)
        data["options"] = {
            name: known[name].read(value) if name in known else value
            for name, value in data["options"].items()
        }
        if not self.errors:
            try:
                check_placement(self.to_placement())
            except FleetError as error:
                add_errors(self, error)
        return data

    def to_placement(self) -> TemplatePlacement:
        """Return the placement as typed, unsaved."""
        return TemplatePlacement(**self.cleaned_data)


def make_blocks(
    data: Mapping[str, Any] | None,
    *,
    stored: Sequence[TemplatePlacement],
    is_bound: bool,
) -> list[PlacementForm]:
    """Return the blocks as sent, or as stored if nothing was sent.

    ``move`` in the data swaps two blocks (``2-up``), removes one (``2-remove``) or adds
    a copy of the last (``add``). The block where the person goes on has the focus.
    """
    focus = None
    if data is None:
        rows = [_show(placement) for placement in stored]
    else:
        sent = [
            {name: data[_name(n, name)] for name in _NAMES if _name(n, name) in data}
            for n in range(MAX_PLACEMENTS)
        ]
        empty = dict.fromkeys(_NAMES, "")
        rows = [empty | row for row in sent if row] or [empty]
        if is_move(data):
            focus = _move(rows, str(data["move"]))
    choices = [
        (name, name)
        for name in reach_accounts().order_by("name").values_list("name", flat=True)
    ]
    blocks = []
    for number, row in enumerate(rows):
        bound = {_name(number, name): text for name, text in row.items()}
        block = PlacementForm(
            bound if is_bound else None,
            initial=row,
            prefix=f"fallback-{number}" if number else None,
            label_suffix="",
        )
        # One query for all blocks.
        block.fields["account"].widget.choices = choices
        block.fields["account"].widget.attrs["autofocus"] = number == focus
        blocks.append(block)
    return blocks


def is_move(data: Mapping[str, Any]) -> bool:
    """Return whether the request only moves, adds or removes a block."""
    return bool(data.get("move"))


def _name(number: int, name: str) -> str:
    return f"fallback-{number}-{name}" if number else name


def _move(rows: list[dict[str, Any]], move: str) -> int | None:
    """Move, remove or add a row. Return the number of the row to go on with, if any."""
    if move == "add":
        rows += rows[-1:] * (len(rows) < MAX_PLACEMENTS)
        return len(rows) - 1
    number, _, act = move.partition("-")
    # Python refuses to read a number of thousands of digits.
    index = int(number) if re.fullmatch(r"[0-9]{1,2}", number) else 0
    if act == "remove" and index < len(rows) and len(rows) > 1:
        del rows[index]
        return min(index, len(rows) - 1)
    if act == "up" and 0 < index < len(rows):
        rows[index - 1 : index + 1] = rows[index], rows[index - 1]
        return index - 1
    return None  # for another part of the form


def _show(placement: TemplatePlacement) -> dict[str, Any]:
    found = {name: getattr(placement, name) for name in _NAMES if name != "account"}
    if not placement.account_id:
        return found | {"account": None, "options": ""}
    known = _known_options(placement.account)
    options = {
        name: known[name].show(value) if name in known else str(value)
        for name, value in placement.options.items()
    }
    return found | {"account": placement.account.name, "options": join_lines(options)}


def _known_options(account: Account) -> dict[str, Field]:
    """Return the options that a placement in the account can have, by name."""
    kind = describe_kind(account.kind)
    return {field.name: field for field in kind.placement_options}


_NAMES: Final = PlacementForm.Meta.fields
