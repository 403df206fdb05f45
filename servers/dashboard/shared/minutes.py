"""A time to live in forms, in minutes."""

from typing import Any, Final

from django import forms

from servers.operations.provision import MAX_TTL

MAX_MINUTES: Final = MAX_TTL // 60


class MinutesField(forms.IntegerField):
    """A time to live in minutes; 0 means no limit."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            label="Time to live (minutes)",
            min_value=0,
            max_value=MAX_MINUTES,
            **options,
        )
