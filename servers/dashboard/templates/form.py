"""The template form, with lines and rows instead of JSON."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.forms import BoundField
from django.http import QueryDict

from servers.access.reach import is_name_taken, reach_accounts
from servers.clouds.registry import describe_kind, validate_template_options
from servers.dashboard.accounts.form import CHANGED, clean_name
from servers.dashboard.shared.lines import join_lines, read_lines
from servers.dashboard.shared.once import OnceForm, offer_rows
from servers.dashboard.templates.rows import FallbackForm, make_fallbacks
from servers.models import Account, Template
from servers.models.multiline import Multiline
from servers.operations.provision import MOST_CAPACITY, MOST_TTL
from servers.operations.setup import ACCOUNT_GONE, MOST_USER_DATA

_MOST_MINUTES: Final = MOST_TTL // 60
_SAME: Final = [
    "account",
    "region",
    "image",
    "size",
    "capacity",
    "ssh_key",
    "readiness",
    "readiness_port",
    "price_per_hour",
    "name_prefix",
    "overrides",
    "max_servers",
    "is_default",
]
_SHOWN: Final = [
    "name",
    "account",
    "region",
    "image",
    "size",
    "capacity",
    "price_per_hour",
    "max_servers",
    "is_default",
]
_MORE: Final = [
    "readiness",
    "readiness_port",
    "ttl",
    "name_prefix",
    "overrides",
    "ssh_key",
    "labels",
    "user_data",
    "forget_user_data",
    "options",
]


class TemplateForm(OnceForm):
    """A template. Its user data is write-only because it often contains secrets."""

    name = forms.CharField(
        max_length=63,
        help_text="Lower-case letters, digits and hyphens. You can't change it later.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    account: "forms.ModelChoiceField[Account]" = forms.ModelChoiceField(
        None,  # set for each form
        to_field_name="name",
        empty_label=None,
        error_messages={"invalid_choice": ACCOUNT_GONE},
    )
    region = forms.CharField(
        max_length=100,
        required=False,
        help_text="Leave empty to use the account's region.",
    )
    image = forms.CharField(max_length=100, help_text="The cloud's name for the image.")
    size = forms.CharField(max_length=100, help_text="The cloud's name for the size.")
    capacity = forms.IntegerField(
        min_value=1,
        max_value=MOST_CAPACITY,
        help_text="Number of builds that one server runs at once.",
    )
    price_per_hour = forms.DecimalField(
        min_value=Decimal(0),
        max_digits=10,
        decimal_places=4,
        required=False,
        help_text="Price per server-hour, for display only, in your currency.",
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
    readiness = forms.ChoiceField(
        label="Ready when", choices=Template.Readiness.choices
    )
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
    ssh_key = forms.CharField(
        label="SSH key",
        max_length=255,
        required=False,
        help_text="Name of a key pair at the cloud.",
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
    options = forms.CharField(
        label="Cloud options",
        required=False,
        max_length=20_000,
        widget=Multiline(attrs={"rows": 2, "spellcheck": "false"}),
        help_text="One per line: name=value. These override the account's options.",
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
        rows: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        self.template = template
        self.may_pass = False
        self.source = source
        shown = template or source or Template()
        initial = {name: getattr(shown, name) for name in _SAME if name != "account"}
        initial |= {
            "account": shown.account if shown.account_id else None,
            "ttl": shown.ttl // 60,
            "labels": join_lines(shown.labels),
            "options": join_lines(_show_options(template)),
            "seen": str(shown.version),
        }
        if source is not None:
            initial["is_default"] = False
        kwargs["initial"] = initial | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        offer_rows(self, "account", reach_accounts().order_by("name"))
        self.fallbacks = make_fallbacks(
            self.data if self.is_bound else rows,
            stored=shown.candidates,
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
        """Return the form as typed, with two fallbacks swapped."""
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
        """Return whether the form and all its fallbacks are valid."""
        rows = [row.is_valid() for row in self.fallbacks]  # validate all of them
        return super().is_valid() and all(rows)

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

    def clean(self) -> dict[str, Any]:
        """Read the options as the account's kind of cloud describes them."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        account = data.get("account")
        if account is None or "options" not in data:
            return data
        try:
            data["options"] = _read_options(account, data["options"])
        except forms.ValidationError as error:
            self.add_error("options", error)
        return data

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
        template.options = data["options"]
        template.candidates = FallbackForm.collect(self.fallbacks)
        if data.get("forget_user_data"):
            template.user_data = ""
        if data["user_data"]:
            template.user_data = data["user_data"]
        return template


def _read_options(account: Account, text: str) -> dict[str, Any]:
    """Return the lines as the account's kind stores them; raise ValidationError."""
    known = {
        field.name: field for field in describe_kind(account.kind).template_options
    }
    found: dict[str, Any] = {
        name: known[name].read(value) if name in known else value
        for name, value in read_lines(text).items()
    }
    if wrong := validate_template_options(
        account.kind, found, account_options=account.options
    ):
        raise forms.ValidationError(wrong)
    return found


def _show_options(template: Template | None) -> dict[str, str]:
    if template is None:
        return {}
    known = {
        field.name: field
        for field in describe_kind(template.account.kind).template_options
    }
    return {
        name: known[name].show(value) if name in known else str(value)
        for name, value in template.options.items()
    }
