"""The forms of a new server, and of what may be changed of one."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from django import forms

from servers.dashboard.lines import LinesField, join_lines
from servers.dashboard.once import OnceForm, add_errors
from servers.errors import InvalidError
from servers.models import Server, Template
from servers.operations import Change, Request
from servers.operations.provision import (
    MOST_CAPACITY,
    MOST_COUNT,
    MOST_TTL,
    check_request,
)

MOST_MINUTES: Final = MOST_TTL // 60
OVERRIDES: Final = ("image", "region", "size", "capacity", "ttl", "labels")
# How a field stands in the body of the API's call, in this order; static/js/call.js has
# the same table.
SENT: Final = {
    **dict.fromkeys(("template", "name", "image", "region", "size"), "text"),
    "capacity": "number",
    "ttl": "minutes",
    "labels": "lines",
    "count": "number",
}


class NewServerForm(OnceForm):
    """What to make. Empty fields mean the template's own."""

    template = forms.ModelChoiceField(
        Template.objects.all(),
        to_field_name="name",
        empty_label=None,
        error_messages={"invalid_choice": "This template is gone. Choose another."},
    )
    count = forms.IntegerField(
        label="How many", min_value=1, max_value=MOST_COUNT, initial=1
    )
    name = forms.CharField(
        max_length=63,
        required=False,
        help_text="Leave it empty to have a name made.",
    )
    image = forms.CharField(max_length=100, required=False)
    region = forms.CharField(max_length=100, required=False)
    size = forms.CharField(max_length=100, required=False)
    capacity = forms.IntegerField(
        min_value=1,
        max_value=MOST_CAPACITY,
        required=False,
        help_text="How many builds it takes at once.",
    )
    ttl = forms.IntegerField(
        label="Time to live, in minutes",
        min_value=0,
        max_value=MOST_MINUTES,
        required=False,
        help_text="After that it is terminated automatically. 0 is no limit.",
    )
    labels = LinesField(
        help_text="One a line: name=value. They are added to the template's."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("name", "image", "region", "size"):
            plain = {"autocapitalize": "off", "spellcheck": "false"}
            self.fields[name].widget.attrs.update(plain, autocomplete="off")
        for name, kind in SENT.items():
            self.fields[name].widget.attrs["data-sends"] = kind

    def clean(self) -> dict[str, Any]:
        """Find, together with what each field finds, what the operation would."""
        try:
            check_request(self.to_request())
        except InvalidError as error:
            add_errors(self, error)
        return self.cleaned_data

    def write_body(self, template: str) -> str:
        """Return the body of the API's call for what the form holds, right or wrong.

        Empty fields and a count of 1 are left out, as the API takes them for granted.
        """
        body: dict[str, Any] = {}
        for name, kind in SENT.items():
            text = template if name == "template" else str(self[name].value() or "")
            if kind == "lines":
                lines = (line.partition("=") for line in text.splitlines())
                value: Any = {
                    key.strip(): rest.strip() for key, sign, rest in lines if sign
                }
            else:
                value = _to_value(text.strip(), kind)
            if value not in ("", {}) and (name, value) != ("count", 1):
                body[name] = value
        return json.dumps(body, ensure_ascii=False)

    @staticmethod
    def fill_from(server: Server) -> dict[str, Any]:
        """Return what creates another like ``server``: what its template lacks."""
        template = server.template
        found: dict[str, Any] = {"template": template.name if template else ""}
        for name in ("image", "region", "size", "capacity"):
            value = getattr(server, name)
            if template is None or value != getattr(template, name):
                found[name] = value
        if template is None or server.ttl != template.ttl:
            found["ttl"] = server.ttl // 60
        known = template.labels if template else {}
        own = {k: v for k, v in server.labels.items() if known.get(k) != v}
        return found | {"labels": join_lines(own)}

    def opens_more(self) -> bool:
        """Tell whether something under *More* is filled in, or wrong."""
        return any(self[name].errors or self[name].value() for name in OVERRIDES)

    def to_request(self) -> Request:
        """Return what the operation takes, without the fields that are wrong."""
        data = self.cleaned_data
        return Request(
            template=data["template"].name if "template" in data else "",
            name=data.get("name", ""),
            image=data.get("image", ""),
            region=data.get("region", ""),
            size=data.get("size", ""),
            capacity=data.get("capacity"),
            labels=data.get("labels", {}),
            ttl=None if data.get("ttl") is None else data["ttl"] * 60,
            count=data.get("count", 1),
        )


def _to_value(text: str, kind: str) -> str | int:
    """Return a field's text as the body has it; what is no number stays as it is."""
    if kind == "text" or not re.fullmatch(r"[0-9]{1,9}", text):
        return text
    return int(text) * 60 if kind == "minutes" else int(text)


class EditForm(forms.Form):
    """What may be changed of a server.

    ``seen`` tells which labels were edited, the hidden initial values which numbers:
    what a person left alone is not sent, so that nobody else's change is undone.
    """

    labels = LinesField()
    ttl = forms.IntegerField(
        label="Time to live, in minutes",
        min_value=0,
        max_value=MOST_MINUTES,
        show_hidden_initial=True,
        help_text="Counted from its request; then it is terminated automatically. "
        "0 is no limit.",
    )
    capacity = forms.IntegerField(
        min_value=1,
        max_value=MOST_CAPACITY,
        show_hidden_initial=True,
        help_text="How many builds it takes at once, as clients are told.",
    )
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)

    def read_numbers(self) -> Change:
        """Return the numbers that the person has changed, ttl in seconds."""
        data = self.cleaned_data
        return Change(
            ttl=data["ttl"] * 60 if "ttl" in self.changed_data else None,
            capacity=data["capacity"] if "capacity" in self.changed_data else None,
        )

    @staticmethod
    def fill(server: Server) -> dict[str, Any]:
        """Return what the form shows at first."""
        return {
            "labels": join_lines(server.labels),
            "ttl": server.ttl // 60,
            "capacity": server.capacity,
            "seen": digest_labels(server.labels),
        }


def digest_labels(labels: Mapping[str, str]) -> str:
    """Return what tells these labels from others."""
    text = json.dumps(dict(labels), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
