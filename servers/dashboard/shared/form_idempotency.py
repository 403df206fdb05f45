"""A form that is carried out only once, however often it is sent."""

import hashlib
import secrets
from typing import Any

from django import forms
from django.core.cache import cache
from django.db.models import QuerySet
from redis.exceptions import RedisError

from servers.errors import FleetError

_ONCE_SECONDS = 3600


class OnceForm(forms.Form):
    """A form with its own token: sending it again (double click, Back) does nothing."""

    once = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["once"].initial = secrets.token_hex(16)

    def is_repeated(self) -> bool:
        """Return whether this form was sent before (a double click, for example)."""
        once = self.cleaned_data["once"]
        try:
            return bool(once) and not cache.add(_make_key(once), 1, _ONCE_SECONDS)
        except (RedisError, OSError):
            # Without the cache a double click acts twice, which is better than never.
            return False

    def forget(self) -> None:
        """Let the form be sent again, since nothing was done."""
        try:
            cache.delete(_make_key(self.cleaned_data["once"]))
        except (RedisError, OSError):
            return

    def list_parts(self) -> list[forms.BaseForm]:
        """Return the forms that are sent with this one, in their order on the page."""
        return [self]

    def focus_error(self) -> None:
        """Give the first field with an error the focus: it may be far down the page."""
        if self.non_field_errors():
            return  # It stands at the top.
        for form in self.list_parts():
            for name in form.errors:
                if name in form.fields:
                    form.fields[name].widget.attrs["autofocus"] = True
                    return

    def refuse(self, error: FleetError, **names: str) -> None:
        """Show an operation's errors, each at its field. The form can be sent again.

        ``names`` maps the operation's names of fields to the form's.
        """
        self.forget()
        add_errors(self, error, **names)


def offer_rows(form: forms.BaseForm, name: str, rows: QuerySet[Any]) -> None:
    """Let a form's field choose from rows: those that this form's reader can reach."""
    field = form.fields[name]
    assert isinstance(field, forms.ModelChoiceField)
    field.queryset = rows


def add_errors(form: forms.BaseForm, error: FleetError, **names: str) -> None:
    """Show an operation's errors, each at its field."""
    for name, texts in (error.fields or {"": [error.message]}).items():
        field = names.get(name, name)
        for text in texts:
            form.add_error(field if field in form.fields else None, text)


def _make_key(once: str) -> str:
    """Return a key that every cache accepts, whatever the form sent."""
    return f"once:{hashlib.sha256(once.encode()).hexdigest()}"
