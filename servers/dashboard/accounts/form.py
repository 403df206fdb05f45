"""The account form. It has only the fields that its kind of cloud needs."""

import hashlib
import json
from collections.abc import Mapping
from copy import copy
from typing import Any, ClassVar, Final

from django import forms
from django.forms import BoundField

from servers.clouds.kind import Kind
from servers.dashboard.shared.model_fields import PLAIN_TEXT, make_model_field
from servers.dashboard.shared.option_fields import (
    CREDENTIAL,
    FORGET,
    KEEPS,
    OPTION,
    RATE,
    make_field,
    make_fields,
    make_forget,
    merge_options,
    read_option,
    show_option,
    to_sentence,
)
from servers.dashboard.shared.row_form import RowForm
from servers.models import Account
from servers.outgoing.fields import MAX_TEXT, Field

_PLAIN: Final = ("region", "endpoint", "max_servers", "creates_per_minute")
_PLAIN_ALL: Final = (*_PLAIN, "calls_at_once", "enabled")


class AccountForm(RowForm):
    """An account of one kind. Its credentials can be set and replaced, never read."""

    class Meta:
        model = Account
        fields = ("name", *_PLAIN_ALL)
        formfield_callback = make_model_field
        widgets: ClassVar = {
            "name": forms.TextInput(attrs=PLAIN_TEXT),
            "endpoint": forms.TextInput(
                attrs={"placeholder": "https://…", "inputmode": "url"}
            ),
        }

    def __init__(
        self, *args: Any, kind: Kind, account: Account | None = None, **kwargs: Any
    ) -> None:
        self.kind = kind
        self.account = account
        shown = copy(account) if account else Account(kind=kind.name)
        initial: dict[str, Any] = {"seen": self.stamp(account)}
        self.held = json.loads(account.credentials or "{}") if account else {}
        initial |= {
            CREDENTIAL + each.name: self.held.get(each.name, "")
            for each in kind.credentials
            if each.shown
        }
        stored = shown.options
        for option in kind.account_options:
            initial |= dict(show_option(option, stored.get(option.name)))
        kwargs["initial"] = initial | (kwargs.get("initial") or {})
        super().__init__(*args, instance=shown, **kwargs)
        if account is not None:
            del self.fields["name"]
        if not kind.takes_endpoint:
            del self.fields["endpoint"]
        else:
            self.fields["endpoint"].required = kind.needs_endpoint
        self.fields["region"].required = kind.needs_region
        for each in kind.credentials:
            self._add_credential(each, is_stored=bool(self.held.get(each.name)))
        for each in kind.account_options:
            self.fields.update(make_fields(each))

    def _add_credential(self, each: Field, *, is_stored: bool) -> None:
        if each.choices is not None or each.shown:
            self.fields[CREDENTIAL + each.name] = make_field(each)
            found = self.fields[CREDENTIAL + each.name]
            if isinstance(found, forms.ChoiceField):
                # One is always chosen.
                found.choices = list((each.choices or {}).items())
            found.label, found.help_text, found.required = each.label, each.help, False
            return
        widget = forms.PasswordInput if each.secret else forms.TextInput
        self.fields[CREDENTIAL + each.name] = forms.CharField(
            label=each.label,
            max_length=MAX_TEXT,
            required=each.required and not each.only_with and not is_stored,
            help_text=KEEPS if is_stored else each.help,
            strip=True,
            widget=widget(
                attrs={"autocomplete": "new-password", "spellcheck": "false"}
            ),
        )
        if is_stored and not each.required:
            self.fields.update([make_forget(each)])

    # Groups of fields, for the template.

    def list_plain(self) -> list[BoundField]:
        """Return the fields for name, region and endpoint."""
        return [self[n] for n in ("name", "region", "endpoint") if n in self.fields]

    def list_credentials(self) -> list[BoundField]:
        """Return the fields for the credentials."""
        return self._list(CREDENTIAL, FORGET)

    def list_limits(self) -> list[BoundField]:
        """Return the fields for the limits."""
        return [self[name] for name in _PLAIN_ALL[2:]]

    def list_options(self) -> list[BoundField]:
        """Return the fields for the kind's own settings."""
        return self._list(OPTION)

    def list_rates(self) -> list[BoundField]:
        """Return the fields for the rates of simulated faults."""
        return self._list(RATE)

    def _list(self, *prefixes: str) -> list[BoundField]:
        return [self[name] for name in self.fields if name.startswith(prefixes)]

    def has_own(self) -> bool:
        """Return whether an option is set or has an error."""
        rest = self._list(OPTION, RATE)
        return any(field.value() not in {"", None} or field.errors for field in rest)

    # What was typed.

    def clean(self) -> dict[str, Any]:
        """Check the options; never send stored secrets to a new endpoint."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        for option in self.kind.account_options:
            if OPTION + option.name not in data:
                continue
            for value in read_option(option, data).values():
                if message := option.check(value):
                    self.add_error(OPTION + option.name, to_sentence(message))
        self._check_credentials(data)
        account = self.account
        if account is None or data.get("endpoint", "") == account.endpoint:
            return data
        kept = self._collect_credentials(data)
        for each in self.kind.credentials:
            name = CREDENTIAL + each.name
            if kept.get(each.name) and not data.get(name):
                self.add_error(name, "The endpoint has changed. Enter this again.")
        return data

    def _check_credentials(self, data: Mapping[str, Any]) -> None:
        """Check the credentials one by one and together, as the operation does."""
        typed = self._collect_credentials(data)
        for each in self.kind.credentials:
            message = to_sentence(each.check(typed.get(each.name, "")))
            if not message and each.required and not typed.get(each.name):
                message = self._explain_missing(each, typed)
            if message and CREDENTIAL + each.name not in self.errors:
                self.add_error(CREDENTIAL + each.name, message)
        endpoint = data.get("endpoint") or ""
        if not self.errors and (
            message := self.kind.check_credentials(typed, endpoint)
        ):
            self.add_error(None, message)

    def _explain_missing(self, each: Field, typed: Mapping[str, str]) -> str:
        chosen = self.kind.credentials[0]
        source = typed.get(chosen.name) or next(iter(chosen.choices or {}), "")
        if each.only_with and source != each.only_with:
            return ""
        return f"{each.label} is missing. Enter it."

    def _collect_credentials(self, data: Mapping[str, Any]) -> dict[str, str]:
        """Return the stored credentials, with typed ones in their place."""
        found: dict[str, str] = dict(self.held)
        for each in self.kind.credentials:
            text = data.get(CREDENTIAL + each.name, "")
            if data.get(FORGET + each.name) or each.shown:
                found.pop(each.name, None)
            if text:
                found[each.name] = text
        chosen = self.kind.credentials[0] if self.kind.credentials else None
        if chosen is not None and chosen.choices is not None:
            # Drop credentials that belong to another choice.
            usual = next(iter(chosen.choices))
            source = found.get(chosen.name) or usual
            if source == usual:
                found.pop(chosen.name, None)
            for each in self.kind.credentials:
                typed = data.get(CREDENTIAL + each.name)
                if each.only_with not in {"", source} and not typed:
                    found.pop(each.name, None)
        return found

    def _list_changes(self, data: Mapping[str, Any]) -> dict[str, str]:
        """Return the typed credentials, and "" for those to delete."""
        found = self._collect_credentials(data)
        gone = dict.fromkeys(self.held.keys() - found.keys(), "")
        typed = {name for name in found if data.get(CREDENTIAL + name)}
        return gone | {name: found[name] for name in typed}

    def stamp(self, row: Account | None) -> str:
        """Return a digest of the account's settings."""
        if row is None:
            return ""
        parts = [str(getattr(row, name)) for name in (*_PLAIN_ALL, "generation")]
        parts.append(json.dumps(row.options, sort_keys=True))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]

    def to_account(self, current: Account | None) -> tuple[Account, dict[str, str]]:
        """Return the account as typed, unsaved, and the typed credentials.

        "" marks a credential to delete.
        """
        data = self.cleaned_data
        account = current or Account(kind=self.kind.name)
        self.fill(account)
        account.options = merge_options(
            account.options, self.kind.account_options, data
        )
        return account, self._list_changes(data)
