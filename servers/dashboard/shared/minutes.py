"""Durations in forms, in minutes. They are stored in seconds."""

from typing import Any, Final

from django import forms

from servers.operations.provision import MAX_TTL

MAX_MINUTES: Final = MAX_TTL // 60


class MinutesField(forms.IntegerField):
    """A duration in minutes: a time to live, unless another label is given."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("label", "Time to live (minutes)")
        options.setdefault("max_value", MAX_MINUTES)
        super().__init__(min_value=0, **options)


def to_seconds(minutes: int, *, stored: int) -> int:
    """Return the seconds that a field means.

    Seconds that were stored by a request need not be whole minutes. A field that was
    left alone keeps them.
    """
    return stored if stored // 60 == minutes else minutes * 60
