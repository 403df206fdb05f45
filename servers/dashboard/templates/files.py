"""The files that a template writes, as rows of its form. Their content is write-only.

What a file contains never comes back to the page. A row knows the file that it stands
for by the path that is stored, and keeps its content unless another is typed.
"""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django import forms

from servers.dashboard.shared.model_fields import PLAIN_TEXT
from servers.models.multiline import Multiline
from servers.operations.templates import MAX_USER_DATA

MAX_FILES: Final = 20
USUAL_MODE: Final = "0644"
ADD: Final = "add-file"
_REMOVE: Final = re.compile(r"([0-9]{1,2})-remove-file")


class FileForm(forms.Form):
    """One file. ``was`` is the path under which its content is stored."""

    path = forms.CharField(
        max_length=4096,
        widget=forms.TextInput(attrs={**PLAIN_TEXT, "placeholder": "/etc/example"}),
    )
    mode = forms.CharField(
        max_length=5,
        required=False,
        widget=forms.TextInput(attrs={**PLAIN_TEXT, "placeholder": USUAL_MODE}),
        help_text=f"Permissions in octal. Leave empty for {USUAL_MODE}.",
    )
    content = forms.CharField(
        required=False,
        max_length=MAX_USER_DATA,
        strip=False,
        widget=Multiline(attrs={"rows": 3, "spellcheck": "false"}),
        help_text="It is never shown again.",
    )
    was = forms.CharField(required=False, max_length=4096, widget=forms.HiddenInput)

    def __init__(self, *args: Any, stored: Mapping[str, Any], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stored = stored
        if self["was"].value() in stored:
            help_text = "Stored, never shown. Leave empty to keep it."
            self.fields["content"].help_text = help_text

    def to_file(self) -> dict[str, str]:
        """Return the file, with its stored content if none was typed."""
        data = self.cleaned_data
        kept = self.stored.get(data["was"], {}) if not data["content"] else {}
        content = data["content"] or kept.get("content", "")
        mode = data["mode"] or USUAL_MODE
        return {"path": data["path"], "content": content, "mode": mode}


def read_files(text: str) -> list[dict[str, str]]:
    """Return the stored files of a template."""
    found: list[dict[str, str]] = json.loads(text or "[]")
    return found


def write_files(files: Sequence[Mapping[str, str]]) -> str:
    """Return files as a template stores them."""
    return json.dumps(files, ensure_ascii=False) if files else ""


def make_rows(
    data: Mapping[str, Any] | None,
    *,
    stored: Sequence[Mapping[str, str]],
    is_bound: bool,
) -> list[FileForm]:
    """Return the rows as sent, or as stored if nothing was sent.

    ``move`` in the data adds an empty row (``add-file``) or removes one
    (``2-remove-file``). The row where the person goes on has the focus.
    """
    focus = None
    if data is None:
        rows = [_show(each) for each in stored]
    else:
        sent = [
            {name: data[_name(n, name)] for name in _NAMES if _name(n, name) in data}
            for n in range(MAX_FILES)
        ]
        rows = [dict.fromkeys(_NAMES, "") | row for row in sent if row]
        focus = _move(rows, str(data.get("move", "")))
    by_path = {each["path"]: each for each in stored}
    found = []
    for number, row in enumerate(rows):
        bound = {_name(number, name): text for name, text in row.items()}
        form = FileForm(
            bound if is_bound else None,
            initial=row,
            prefix=f"file-{number}",
            label_suffix="",
            stored=by_path,
        )
        form.fields["path"].widget.attrs["autofocus"] = number == focus
        found.append(form)
    return found


def _move(rows: list[dict[str, Any]], move: str) -> int | None:
    """Add or remove a row. Return the number of the row to go on with, if any."""
    if move == ADD and len(rows) < MAX_FILES:
        rows.append(dict.fromkeys(_NAMES, ""))
        return len(rows) - 1
    if match := _REMOVE.fullmatch(move):
        number = int(match[1])
        if number < len(rows):
            del rows[number]
            return min(number, len(rows) - 1) if rows else None
    return None


def _show(each: Mapping[str, str]) -> dict[str, str]:
    path, mode = each.get("path", ""), each.get("mode", "")
    return {"path": path, "mode": mode, "content": "", "was": path}


def _name(number: int, name: str) -> str:
    return f"file-{number}-{name}"


_NAMES: Final = tuple(FileForm.base_fields)
