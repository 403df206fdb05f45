"""A form that is carried out once, however often it is sent."""

import hashlib
import secrets
from typing import Any

from django import forms
from django.core.cache import cache
from redis.exceptions import RedisError

from servers.errors import FleetError

_ONCE_SECONDS = 3600


class OnceForm(forms.Form):
    """A form with a token of its own: a double click, or the way back, does nothing."""

    once = forms.CharField(widget=forms.HiddenInput, max_length=64, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["once"].initial = secrets.token_hex(16)

    def is_repeated(self) -> bool:
        """Tell whether this very form was sent before (a double click)."""
        once = self.cleaned_data["once"]
        try:
            return bool(once) and not cache.add(_make_key(once), 1, _ONCE_SECONDS)
        except (RedisError, OSError):
            # Without the cache a double click makes two; better than none at all.
            return False

    def forget(self) -> None:
        """Let the form be sent again: nothing was made of it."""
        try:
            cache.delete(_make_key(self.cleaned_data["once"]))
        except (RedisError, OSError):
            return

    def refuse(self, error: FleetError, **names: str) -> None:
        """Show what an operation refused, each at its field; it may be sent again.

        ``names`` are the operation's own names of fields, where the form has others.
        """
        self.forget()
        add_errors(self, error, **names)


def add_errors(form: forms.Form, error: FleetError, **names: str) -> None:
    """Show what an operation found wrong, each at its field."""
    for name, texts in (error.fields or {"": [error.message]}).items():
        field = names.get(name, name)
        for text in texts:
            form.add_error(field if field in form.fields else None, text)


def _make_key(once: str) -> str:
    """Return a key that any cache takes, whatever was sent."""
    return f"once:{hashlib.sha256(once.encode()).hexdigest()}"
