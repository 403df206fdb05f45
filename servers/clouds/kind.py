"""How an adapter describes itself: to the registry, to forms, to the docs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from servers.clouds.base import Cloud, CloudConfig, Timings


def is_number(value: object) -> bool:
    """Tell whether a JSON value is a number; true is none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


MOST_TEXT: Final = 5000


@dataclass(frozen=True, slots=True)
class Field:
    """One setting of an account. ``number`` fields take 0 to ``most``.

    ``shape`` is the JSON Schema of a value that is neither number nor plain text; the
    kind's ``check_options`` holds it. ``directs``: an option that decides where calls
    go, so that a change of it asks for the credentials again.
    """

    name: str
    label: str
    help: str = ""
    required: bool = False
    secret: bool = False
    number: bool = False
    most: float = 1e9
    directs: bool = False
    shape: Mapping[str, Any] | None = None

    @property
    def texts(self) -> bool:
        """Whether it is a list of texts."""
        return self.shape is not None and self.shape["type"] == "array"

    @property
    def rates(self) -> dict[str, str]:
        """The names of an object of rates, with what each means; {} for others."""
        if self.shape is None or self.shape["type"] != "object":
            return {}
        properties = self.shape["properties"].items()
        return {name: rate.get("description", "") for name, rate in properties}

    def check(self, value: object) -> str:
        """Return what is wrong with a value, or ""."""
        if self.shape is not None:
            return ""
        if self.number:
            if is_number(value) and 0 <= float(str(value)) <= self.most:
                return ""
            return f"use a number from 0 to {self.most:g}."
        if not isinstance(value, str):
            return "use a text."
        if len(value) > MOST_TEXT or "\0" in value:
            return f"use at most {MOST_TEXT} characters."
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
    # Returns what is wrong with options whose fields are right, or "".
    check_options: Callable[[Mapping[str, Any]], str] = lambda _options: ""
    takes_endpoint: bool = True
    # Its instances are none: their addresses may be this machine's own.
    is_simulated: bool = False
    needs_region: bool = True
