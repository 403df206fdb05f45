"""The form of an account: only the fields that its kind of cloud needs."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from django import forms
from django.forms import BoundField

from servers.clouds.kind import MOST_TEXT, Field, Kind
from servers.dashboard.once import OnceForm
from servers.models import Account
from servers.models.account import validate_name

CREDENTIAL: Final = "credential-"
FORGET: Final = "forget-"
OPTION: Final = "option-"
RATE: Final = "rate-"
CHANGED: Final = (
    "Somebody changed this meanwhile, so nothing was saved. What you see below is "
    "what you typed; save once more to write it over theirs."
)
# Their pages would be those of new ones.
TAKEN_NAMES: Final = frozenset({"new"})
_PLAIN: Final = ("region", "endpoint", "max_servers", "creates_per_minute")
_PLAIN_ALL: Final = (*_PLAIN, "calls_at_once", "enabled")


def clean_name(name: str) -> str:
    """Return a name that a page can have; ValidationError for others."""
    validate_name(name)
    if name in TAKEN_NAMES:
        raise forms.ValidationError("Choose another name: this page has it.")
    return name


class AccountForm(OnceForm):
    """An account of one kind. Its credentials can be set and replaced, never read."""

    name = forms.CharField(
        max_length=63,
        help_text="Lower-case letters, digits and hyphens. It can't be changed later.",
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
    region = forms.CharField(max_length=100, required=False)
    endpoint = forms.CharField(
        max_length=500,
        required=False,
        help_text="Leave it empty for the cloud's own.",
        widget=forms.TextInput(attrs={"placeholder": "https://…", "inputmode": "url"}),
    )
    max_servers = forms.IntegerField(
        label="Most servers",
        min_value=1,
        max_value=1_000_000,
        help_text="Every server counts that is not proven gone.",
    )
    creates_per_minute = forms.IntegerField(min_value=1, max_value=1_000_000)
    calls_at_once = forms.IntegerField(min_value=1, max_value=1000)
    enabled = forms.BooleanField(
        required=False,
        help_text="A disabled one is listed on, and nothing new is made in it.",
    )
    seen = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)

    def __init__(
        self, *args: Any, kind: Kind, account: Account | None = None, **kwargs: Any
    ) -> None:
        self.kind = kind
        self.account = account
        shown = account or Account(kind=kind.name)
        initial = {name: getattr(shown, name) for name in _PLAIN_ALL}
        initial |= {"seen": fingerprint(account)}
        stored = shown.options
        for option in kind.options:
            initial |= dict(_show(option, stored.get(option.name)))
        kwargs["initial"] = initial | (kwargs.get("initial") or {})
        super().__init__(*args, **kwargs)
        if account is not None:
            del self.fields["name"]
        if not kind.takes_endpoint:
            del self.fields["endpoint"]
        self.fields["region"].required = kind.needs_region
        held = json.loads(account.credentials or "{}") if account else {}
        for each in kind.credentials:
            self._add_credential(each, is_stored=bool(held.get(each.name)))
        for each in kind.options:
            self.fields.update(_make_fields(each))

    def _add_credential(self, each: Field, *, is_stored: bool) -> None:
        keeps = "Stored, and never shown. Leave it empty to keep it."
        widget = forms.PasswordInput if each.secret else forms.TextInput
        self.fields[CREDENTIAL + each.name] = forms.CharField(
            label=each.label,
            max_length=MOST_TEXT,
            required=each.required and not is_stored,
            help_text=keeps if is_stored else each.help,
            strip=True,
            widget=widget(
                attrs={"autocomplete": "new-password", "spellcheck": "false"}
            ),
        )
        if is_stored and not each.required:
            self.fields[FORGET + each.name] = forms.BooleanField(
                label=f"Forget the stored {each.label.lower()}", required=False
            )

    # Parts, for the template.

    def list_plain(self) -> list[BoundField]:
        """The fields that say where it is."""
        return [self[n] for n in ("name", "region", "endpoint") if n in self.fields]

    def list_credentials(self) -> list[BoundField]:
        """The fields of its credentials."""
        return self._list(CREDENTIAL, FORGET)

    def list_limits(self) -> list[BoundField]:
        """The fields of its limits."""
        return [self[name] for name in _PLAIN_ALL[2:]]

    def list_options(self) -> list[BoundField]:
        """The fields that are the kind's own."""
        return self._list(OPTION)

    def list_rates(self) -> list[BoundField]:
        """The fields of how often something goes wrong."""
        return self._list(RATE)

    def _list(self, *prefixes: str) -> list[BoundField]:
        return [self[name] for name in self.fields if name.startswith(prefixes)]

    def has_own(self) -> bool:
        """Whether an option differs from the kind's own, or is wrong."""
        rest = self._list(OPTION, RATE)
        return any(field.value() not in {"", None} or field.errors for field in rest)

    # What was typed.

    def clean_name(self) -> str:
        """Refuse what is no name, or is taken."""
        name = clean_name(self.cleaned_data["name"])
        if Account.objects.filter(name=name).exists():
            raise forms.ValidationError("There is an account of this name already.")
        return name

    def clean(self) -> dict[str, Any]:
        """Send stored secrets to no other address than the one they were typed for."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        account = self.account
        if account is None or data.get("endpoint", "") == account.endpoint:
            return data
        held = json.loads(account.credentials or "{}")
        for each in self.kind.credentials:
            name = CREDENTIAL + each.name
            forgets = data.get(FORGET + each.name)
            if held.get(each.name) and not data.get(name) and not forgets:
                self.add_error(name, "The endpoint is another: type it once more.")
        return data

    def is_stale(self, current: Account) -> bool:
        """Tell whether the account is another than the one that the form showed."""
        seen: str = self.cleaned_data["seen"]
        return seen != fingerprint(current)

    def see(self, current: Account) -> None:
        """Let the form be sent over what is there now."""
        self.add_error(None, CHANGED)
        self.data = dict(self.data.items(), seen=fingerprint(current))

    def to_account(self, current: Account | None) -> tuple[Account, dict[str, str]]:
        """Return the account as it was typed, not saved, and the credentials typed.

        "" stands for one that is to be forgotten.
        """
        data = self.cleaned_data
        account = current or Account(kind=self.kind.name, name=data["name"])
        for name in _PLAIN_ALL:
            if name in data:
                setattr(account, name, data[name])
        known = {option.name for option in self.kind.options}
        options = {k: v for k, v in account.options.items() if k not in known}
        for option in self.kind.options:
            options |= _read(option, data)
        account.options = options
        credentials = {}
        for each in self.kind.credentials:
            if data.get(FORGET + each.name):
                credentials[each.name] = ""
            if text := data[CREDENTIAL + each.name]:
                credentials[each.name] = text
        return account, credentials


def fingerprint(account: Account | None) -> str:
    """Return what tells two states of an account's settings apart."""
    if account is None:
        return ""
    parts = [str(getattr(account, name)) for name in (*_PLAIN_ALL, "generation")]
    parts.append(json.dumps(account.options, sort_keys=True))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _make_fields(each: Field) -> Iterator[tuple[str, forms.Field]]:
    if each.rates:
        for name, words in each.rates.items():
            yield (
                f"{RATE}{each.name}-{name}",
                forms.FloatField(
                    label=name.replace("_", " ").capitalize(),
                    min_value=0,
                    max_value=1,
                    required=False,
                    help_text=words,
                    widget=forms.NumberInput(attrs={"step": "any", "placeholder": 0}),
                ),
            )
        return
    found: forms.Field
    if each.number:
        found = forms.FloatField(
            min_value=0,
            max_value=each.most,
            widget=forms.NumberInput(attrs={"step": "any"}),
        )
    else:
        found = forms.CharField(max_length=MOST_TEXT)
    found.label, found.required = each.label, each.required
    found.help_text = (
        f"{each.help} Separate several by commas." * each.texts or each.help
    )
    yield OPTION + each.name, found


def _show(each: Field, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what an option's fields show of what is stored."""
    if each.rates:
        for name in each.rates if isinstance(value, Mapping) else ():
            yield f"{RATE}{each.name}-{name}", _plain(value.get(name))
    elif each.texts and isinstance(value, list):
        yield OPTION + each.name, ", ".join(str(text) for text in value)
    else:
        yield OPTION + each.name, _plain(value)


def _read(each: Field, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return an option as it is stored; nothing where nothing was typed."""
    if each.rates:
        typed = {name: data[f"{RATE}{each.name}-{name}"] for name in each.rates}
        rates = {name: _plain(rate) for name, rate in typed.items() if rate}
        return {each.name: rates} if rates else {}
    value = data[OPTION + each.name]
    if value in {"", None}:
        return {}
    if each.texts:
        texts = [text.strip() for text in value.split(",")]
        return {each.name: [text for text in texts if text]}
    return {each.name: _plain(value)}


def _plain(value: Any) -> Any:
    """Return 5 for 5.0: what people typed."""
    return int(value) if isinstance(value, float) and value.is_integer() else value
