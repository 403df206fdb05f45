"""The forms for creating servers and changing one."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from django import forms

from servers.access.reach import reach_templates
from servers.dashboard.shared.form_idempotency import OnceForm, add_errors, offer_rows
from servers.dashboard.shared.lines import LinesField, join_lines
from servers.dashboard.shared.minutes import MinutesField
from servers.errors import InvalidError
from servers.models import Server, Template
from servers.operations.change import Change
from servers.operations.provision import (
    MAX_CAPACITY,
    MAX_COUNT,
    MAX_LETTERS,
    TEMPLATE_GONE,
    Request,
    check_request,
)

OVERRIDES: Final = ("image", "region", "size", "capacity", "ttl", "labels")
# How each field appears in the body of the equivalent API call, in this order.
# static/js/call.js has the same table.
SENT: Final = {
    **dict.fromkeys(("template", "name", "image", "region", "size"), "text"),
    "capacity": "number",
    "ttl": "minutes",
    "labels": "lines",
    "count": "number",
}


class NewServerForm(OnceForm):
    """What to create. Empty fields take the template's values."""

    template: "forms.ModelChoiceField[Template]" = forms.ModelChoiceField(
        None,  # set for each form
        to_field_name="name",
        empty_label=None,
        error_messages={"invalid_choice": TEMPLATE_GONE},
    )
    count = forms.IntegerField(
        label="Count", min_value=1, max_value=MAX_COUNT, initial=1
    )
    name = forms.CharField(
        max_length=63,
        required=False,
        help_text="Leave empty to generate a name.",
    )
    image = forms.CharField(max_length=MAX_LETTERS["image"], required=False)
    region = forms.CharField(max_length=MAX_LETTERS["region"], required=False)
    size = forms.CharField(max_length=MAX_LETTERS["size"], required=False)
    capacity = forms.IntegerField(
        min_value=1,
        max_value=MAX_CAPACITY,
        required=False,
        help_text="Number of builds at once.",
    )
    ttl = MinutesField(
        required=False,
        help_text="The server is then terminated automatically. 0 means no limit.",
    )
    labels = LinesField(
        help_text="One name=value per line, in addition to the template's."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_rows(self, "template", reach_templates())
        for name in ("name", "image", "region", "size"):
            plain = {"autocapitalize": "off", "spellcheck": "false"}
            self.fields[name].widget.attrs.update(plain, autocomplete="off")
        for name, kind in SENT.items():
            self.fields[name].widget.attrs["data-sends"] = kind

    def clean(self) -> dict[str, Any]:
        """Add the errors that the operation would raise."""
        try:
            check_request(self.to_request())
        except InvalidError as error:
            add_errors(self, error)
        return self.cleaned_data

    def write_body(self, template: str) -> str:
        """Return the body of the equivalent API call, even if the form has errors.

        Empty fields and a count of 1 are left out, since they are the API's defaults.
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
        """Return what ``server`` was requested with, and what was changed since."""
        template = server.template
        found: dict[str, Any] = {"template": template.name if template else ""}
        for name in ("image", "region", "size"):
            # Not where it is: that may be a fallback.
            if value := getattr(server, f"wanted_{name}" if template else name):
                found[name] = value
        if template is None or server.capacity != template.capacity:
            found["capacity"] = server.capacity
        if template is None or server.ttl != template.ttl:
            found["ttl"] = server.ttl // 60
        known = template.labels if template else {}
        own = {k: v for k, v in server.labels.items() if known.get(k) != v}
        return found | {"labels": join_lines(own)}

    def opens_more(self) -> bool:
        """Tell whether a field under *More* has a value or an error."""
        return any(self[name].errors or self[name].value() for name in OVERRIDES)

    def to_request(self) -> Request:
        """Return the operation's request, without the fields that have errors."""
        data = self.cleaned_data
        same = ("name", "image", "region", "size", "capacity", "labels", "count")
        return Request(
            template=data["template"].name if "template" in data else "",
            ttl=None if data.get("ttl") is None else data["ttl"] * 60,
            **{name: data[name] for name in same if name in data},
        )


def _to_value(text: str, kind: str) -> str | int:
    """Return a field's value for the body; text that is not a number is kept."""
    if kind == "text" or not re.fullmatch(r"[0-9]{1,9}", text):
        return text
    return int(text) * 60 if kind == "minutes" else int(text)


class EditForm(forms.Form):
    """What can be changed on a server.

    ``seen`` tells whether the labels were edited, the hidden initial values whether
    the numbers were. What was not edited is not saved, so that no other person's
    change is undone.
    """

    labels = LinesField()
    ttl = MinutesField(
        show_hidden_initial=True,
        help_text="Counted from when the server was requested. It is then terminated "
        "automatically. 0 means no limit.",
    )
    capacity = forms.IntegerField(
        min_value=1,
        max_value=MAX_CAPACITY,
        show_hidden_initial=True,
        help_text="Number of builds at once, as reported to clients.",
    )
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)

    def read_numbers(self) -> Change:
        """Return the numbers that the person has changed, with ttl in seconds."""
        data = self.cleaned_data
        return Change(
            ttl=data["ttl"] * 60 if "ttl" in self.changed_data else None,
            capacity=data["capacity"] if "capacity" in self.changed_data else None,
        )

    @staticmethod
    def fill(server: Server) -> dict[str, Any]:
        """Return the initial values of the form."""
        return {
            "labels": join_lines(server.labels),
            "ttl": server.ttl // 60,
            "capacity": server.capacity,
            "seen": digest_labels(server.labels),
        }


def digest_labels(labels: Mapping[str, str]) -> str:
    """Return a digest of the labels."""
    text = json.dumps(dict(labels), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
