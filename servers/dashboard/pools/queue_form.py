"""The form of a queue. It has only the fields that its kind needs."""

import hashlib
import json
from collections.abc import Mapping
from copy import copy
from typing import Any, ClassVar

from django import forms
from django.forms import BoundField

from servers.dashboard.shared.model_fields import PLAIN_TEXT, make_model_field
from servers.dashboard.shared.option_fields import (
    CREDENTIAL,
    FORGET,
    KEEPS,
    OPTION,
    make_fields,
    make_forget,
    merge_options,
    read_option,
    show_option,
    to_sentence,
)
from servers.dashboard.shared.row_form import RowForm
from servers.models import Queue
from servers.models.multiline import Multiline
from servers.outgoing.fields import MAX_TEXT, Field
from servers.queues.kind import QueueKind


class QueueForm(RowForm):
    """A queue of one kind. Its credentials can be set and replaced, never read."""

    class Meta:
        model = Queue
        fields = ("name", "url", "enabled")
        formfield_callback = make_model_field
        widgets: ClassVar = {
            "name": forms.TextInput(attrs=PLAIN_TEXT),
            "url": forms.TextInput(
                attrs={"placeholder": "https://…", "inputmode": "url", **PLAIN_TEXT}
            ),
        }
        labels: ClassVar = {"url": "URL"}

    def __init__(
        self, *args: Any, kind: QueueKind, queue: Queue | None = None, **kwargs: Any
    ) -> None:
        self.kind = kind
        self.queue = queue
        shown = copy(queue) if queue else Queue(kind=kind.name)
        self.held = json.loads(queue.credentials or "{}") if queue else {}
        initial: dict[str, Any] = {"seen": self.stamp(queue)}
        for option in kind.all_options:
            initial |= dict(show_option(option, shown.options.get(option.name)))
        kwargs["initial"] = initial | (kwargs.get("initial") or {})
        super().__init__(*args, instance=shown, **kwargs)
        if queue is not None:
            del self.fields["name"]
        if not kind.takes_url:
            del self.fields["url"]
        elif kind.default_url:
            url = self.fields["url"]
            url.help_text = f"Leave empty for {kind.default_url}."
        else:
            self.fields["url"].required = True
        for each in kind.credentials:
            self._add_credential(each)
        for each in kind.all_options:
            self.fields.update(make_fields(each))

    def _add_credential(self, each: Field) -> None:
        is_stored = bool(self.held.get(each.name))
        attrs = {"autocomplete": "new-password", "spellcheck": "false"}
        widget: forms.Widget = forms.TextInput(attrs=attrs)
        if each.lines:
            widget = Multiline(attrs={**attrs, "rows": 4})
        elif each.secret:
            widget = forms.PasswordInput(attrs=attrs)
        self.fields[CREDENTIAL + each.name] = forms.CharField(
            label=each.label,
            max_length=MAX_TEXT,
            required=each.required and not is_stored,
            help_text=KEEPS if is_stored else each.help,
            widget=widget,
        )
        if is_stored and not each.required:
            self.fields.update([make_forget(each)])

    def list_plain(self) -> list[BoundField]:
        """Return the fields for the name and the URL."""
        return [self[name] for name in ("name", "url") if name in self.fields]

    def list_credentials(self) -> list[BoundField]:
        """Return the fields for the credentials."""
        return self._list(CREDENTIAL, FORGET)

    def list_options(self) -> list[BoundField]:
        """Return the fields for the kind's own settings."""
        return self._list(OPTION)

    def _list(self, *prefixes: str) -> list[BoundField]:
        return [self[name] for name in self.fields if name.startswith(prefixes)]

    def clean(self) -> dict[str, Any]:
        """Check each option and each credential."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        for prefix, fields in (
            (OPTION, self.kind.all_options),
            (CREDENTIAL, self.kind.credentials),
        ):
            for each in fields:
                self._check(prefix, each, data)
        return data

    def _check(self, prefix: str, each: Field, data: Mapping[str, Any]) -> None:
        name = prefix + each.name
        if name not in data:
            return
        values = read_option(each, data) if prefix == OPTION else {"": data[name]}
        for value in values.values():
            if message := each.check(value):
                self.add_error(name, to_sentence(message))

    def stamp(self, row: Queue | None) -> str:
        """Return a digest of the queue's settings."""
        if row is None:
            return ""
        parts = [row.name, row.url, str(row.enabled), str(row.generation)]
        parts.append(json.dumps(row.options, sort_keys=True))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]

    def to_queue(self, current: Queue | None) -> tuple[Queue, dict[str, str]]:
        """Return the queue as typed, unsaved, and the typed credentials.

        "" marks a credential to delete.
        """
        data = self.cleaned_data
        queue = current or Queue(kind=self.kind.name)
        self.fill(queue)
        queue.options = merge_options(queue.options, self.kind.all_options, data)
        typed = {}
        for each in self.kind.credentials:
            if text := data.get(CREDENTIAL + each.name, ""):
                typed[each.name] = text
            elif data.get(FORGET + each.name):
                typed[each.name] = ""
        return queue, typed
