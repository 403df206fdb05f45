"""The template form, with lines and blocks instead of JSON."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms
from django.forms import BoundField
from django.http import QueryDict

from servers.access.reach import is_name_taken
from servers.dashboard.accounts.form import CHANGED, clean_name
from servers.dashboard.shared.lines import join_lines, read_lines
from servers.dashboard.shared.once import OnceForm
from servers.dashboard.templates.rows import make_blocks
from servers.errors import FleetError
from servers.machine.readiness import list_readiness
from servers.models import Account, Template, TemplatePlacement
from servers.models.multiline import Multiline
from servers.operations.provision import MOST_CAPACITY, MOST_TTL
from servers.operations.setup import MOST_USER_DATA

_MOST_MINUTES: Final = MOST_TTL // 60
_SAME: Final = [
    "capacity",
    "readiness",
    "readiness_port",
    "name_prefix",
    "overrides",
    "max_servers",
    "is_default",
]
_SHOWN: Final = [
    "name",
    "capacity",
    "max_servers",
    "is_default",
]
_MORE: Final = [
    "readiness",
    "readiness_port",
    "ttl",
    "name_prefix",
    "overrides",
    "labels",
    "user_data",
    "forget_user_data",
]


class TemplateForm(OnceForm):
    """A template. Its user data is write-only because it often contains secrets."""

    name = forms.CharField(
        max_length=63,
        help_text="Lower-case letters, digits and hyphens. You can't change it later.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    capacity = forms.IntegerField(
        min_value=1,
        max_value=MOST_CAPACITY,
        help_text="Number of builds that one server runs at once.",
    )
    max_servers = forms.IntegerField(
        label="Server limit",
        min_value=1,
        max_value=1_000_000,
        required=False,
        help_text="Leave empty for no limit besides the account's.",
    )
    is_default = forms.BooleanField(
        label="Default template",
        required=False,
        help_text="Used when a request names no template. Replaces the current one.",
    )
    readiness = forms.ChoiceField(label="Ready when", choices=list_readiness)
    readiness_port = forms.IntegerField(
        label="Port to check", min_value=1, max_value=65535, initial=22
    )
    ttl = forms.IntegerField(
        label="Time to live (minutes)",
        min_value=0,
        max_value=_MOST_MINUTES,
        help_text="0 means no limit.",
    )
    name_prefix = forms.CharField(
        max_length=40, help_text="Generated server names start with this."
    )
    overrides = forms.ChoiceField(
        label="Allowed overrides",
        choices=Template.Overrides.choices,
        help_text="Image, region and size that a request can choose. Any image that it "
        "starts gets the user data and the instance profile.",
    )
    labels = forms.CharField(
        required=False,
        max_length=20_000,
        widget=Multiline(attrs={"rows": 3}),
        help_text="One per line: name=value.",
    )
    user_data = forms.CharField(
        required=False,
        max_length=MOST_USER_DATA,
        strip=False,
        widget=Multiline(attrs={"rows": 6, "spellcheck": "false"}),
        help_text="Runs on the instance at first boot. It is never shown again.",
    )
    forget_user_data = forms.BooleanField(
        label="Delete the stored user data", required=False
    )
    unchecked = forms.BooleanField(
        label="Save without checking with the cloud",
        required=False,
        help_text="Servers of this template may fail for the reason above.",
    )
    seen = forms.CharField(widget=forms.HiddenInput, max_length=20, required=False)

    def __init__(
        self,
        *args: Any,
        template: Template | None = None,
        source: Template | None = None,
        account: Account | None = None,
        rows: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.template = template
        self.may_pass = False
        self.source = source
        shown = template or source or Template()
        stored = list(shown.placements.all()) if shown.version else []
        initial = {name: getattr(shown, name) for name in _SAME}
        initial |= {
            "ttl": shown.ttl // 60,
            "labels": join_lines(shown.labels),
            "seen": str(shown.version),
        }
        if source is not None:
            initial["is_default"] = False
        kwargs["initial"] = initial | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        self.blocks = make_blocks(
            self.data if self.is_bound else rows,
            stored=stored or [TemplatePlacement(account=account)],
            is_bound=self.is_bound,
        )
        if template is not None:
            del self.fields["name"]
        if not shown.user_data:
            del self.fields["forget_user_data"]
        elif source is not None:
            self.fields["forget_user_data"].label = "Don't copy the user data"
            self.fields[
                "user_data"
            ].help_text = f"Stored in {source}. Leave empty to copy it."
        else:
            self.fields[
                "user_data"
            ].help_text = "Stored, never shown. Leave empty to keep it."

    @classmethod
    def move(
        cls,
        data: QueryDict,
        *,
        template: Template | None,
        source: Template | None = None,
    ) -> "TemplateForm":
        """Return the form as typed, with blocks moved, added or removed."""
        typed = {name: data.get(name, "") for name in cls.base_fields}
        return cls(initial=typed, template=template, source=source, rows=data)

    def offer_unchecked(self, problem: str) -> None:
        """Show what the cloud refused or did not confirm, and offer to save anyway."""
        self.add_error(None, problem)
        self.may_pass = True

    def list_shown(self) -> list[BoundField]:
        """Return the fields that are always shown."""
        return [self[name] for name in _SHOWN if name in self.fields]

    def list_more(self) -> list[BoundField]:
        """Return the other fields."""
        return [self[name] for name in _MORE if name in self.fields]

    def has_errors_below(self) -> bool:
        """Return whether one of the other fields has an error."""
        return any(name in self.errors for name in _MORE)

    def is_valid(self) -> bool:
        """Return whether the form and all its placements are valid."""
        blocks = [block.is_valid() for block in self.blocks]  # validate all of them
        return super().is_valid() and all(blocks)

    def refuse(self, error: FleetError, **_names: str) -> None:
        """Show errors of the first placement at its fields."""
        self.forget()
        first = self.blocks[0]
        for name, texts in (error.fields or {"": [error.message]}).items():
            for text in texts:
                if name in first.fields:
                    first.add_error(name, text)
                else:
                    self.add_error(name if name in self.fields else None, text)

    def list_placements(self) -> list[TemplatePlacement]:
        """Return the placements as typed, unsaved."""
        return [block.to_placement() for block in self.blocks]

    def clean_name(self) -> str:
        """Reject a name that is invalid or taken."""
        name = clean_name(self.cleaned_data["name"])
        if is_name_taken(Template, name):
            raise forms.ValidationError(
                "This name is already taken. Choose another name."
            )
        return name

    def clean_labels(self) -> dict[str, str]:
        """Return the lines as an object."""
        return read_lines(self.cleaned_data["labels"])

    def is_stale(self, current: Template) -> bool:
        """Return whether the template has changed since the form was shown."""
        seen: str = self.cleaned_data["seen"]
        return seen != str(current.version)

    def see(self, current: Template) -> None:
        """Say that the template has changed, and let the form overwrite it."""
        self.add_error(None, CHANGED)
        self.data = dict(self.data.items(), seen=str(current.version))

    def to_template(self, current: Template | None) -> Template:
        """Return the template as typed, unsaved."""
        data = self.cleaned_data
        template = current or Template(
            name=data["name"],
            user_data=self.source.user_data if self.source else "",
        )
        for name in _SAME:
            setattr(template, name, data[name])
        template.ttl = data["ttl"] * 60
        template.labels = data["labels"]
        if data.get("forget_user_data"):
            template.user_data = ""
        if data["user_data"]:
            template.user_data = data["user_data"]
        return template
