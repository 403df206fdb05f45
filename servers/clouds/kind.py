"""How an adapter describes itself: to the registry, to forms, to the docs."""

from collections.abc import Callable
from dataclasses import dataclass

from servers.clouds.base import Cloud, CloudConfig, Timings


@dataclass(frozen=True, slots=True)
class Field:
    """One setting of an account. ``number`` fields take 0 to ``most``."""

    name: str
    label: str
    help: str = ""
    required: bool = False
    secret: bool = False
    number: bool = False
    most: float = 1e9
    json: bool = False  # any JSON value; the adapter reads it

    def check(self, value: object) -> str:
        """Return what is wrong with a value, or ""."""
        if self.json:
            return ""
        if self.number:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            if is_number and 0 <= float(str(value)) <= self.most:
                return ""
            return f"use a number from 0 to {self.most:g}."
        if not isinstance(value, str):
            return "use a text."
        if len(value) > 5000 or "\0" in value:
            return "use at most 5000 characters."
        return ""


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of cloud."""

    name: str
    label: str
    provider: str  # on the wire
    open: Callable[[CloudConfig, Timings], Cloud]
    timings: Timings
    credentials: tuple[Field, ...] = ()
    options: tuple[Field, ...] = ()
    takes_endpoint: bool = True
    needs_region: bool = True
