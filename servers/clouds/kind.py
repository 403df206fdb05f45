"""How an adapter describes itself: to the registry, to forms, to the docs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from servers.clouds.base import Cloud, CloudConfig, Timings

MOST_TEXT: Final = 5000
MOST_TEXTS: Final = 100


@dataclass(frozen=True, slots=True)
class Field:
    """One setting of an account: a text, unless it says otherwise.

    ``number`` fields take 0 to ``most``, ``texts`` a list of texts, and ``rates`` an
    object of numbers from 0 to 1, with any of the names that it describes.
    """

    name: str
    label: str
    help: str = ""
    required: bool = False
    secret: bool = False
    number: bool = False
    most: float = 1e9
    texts: bool = False
    rates: Mapping[str, str] = field(default_factory=dict)

    def check(self, value: object) -> str:
        """Return what is wrong with a value, or ""."""
        if self.rates:
            known = isinstance(value, Mapping) and set(value) <= set(self.rates)
            if known and all(_is_number(rate, 1) for rate in value.values()):  # type: ignore[attr-defined]
                return ""
            return f"use an object of rates from 0 to 1: {', '.join(self.rates)}."
        if self.texts:
            if (
                isinstance(value, list)
                and len(value) <= MOST_TEXTS
                and all(_is_text(each) for each in value)
            ):
                return ""
            return f"use a list of at most {MOST_TEXTS} texts."
        if self.number:
            if _is_number(value, self.most):
                return ""
            return f"use a number from 0 to {self.most:g}."
        if not isinstance(value, str):
            return "use a text."
        return "" if _is_text(value) else f"use at most {MOST_TEXT} characters."


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= MOST_TEXT and "\0" not in value


def _is_number(value: object, most: float) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= float(str(value)) <= most


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
