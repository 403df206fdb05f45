"""The settings by which people say where calls go, and as whom."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final


def is_number(value: object) -> bool:
    """Tell whether a JSON value is a number; a boolean is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


MAX_TEXT: Final = 5000
MAX_SEVERAL: Final = 50
_YES: Final = frozenset({"yes", "true", "on", "1"})
_NO: Final = frozenset({"no", "false", "off", "0"})


@dataclass(frozen=True, slots=True)
class Field:
    """One setting of an account or a template: its values, label and help.

    The value is text, unless the field is a ``number`` (from ``least`` to ``most``,
    ``whole`` or not), a ``flag``, one of ``choices`` (value to label), or ``several``
    texts, as a list or separated by commas. Each text must match ``pattern`` as a
    whole; ``like`` is an example. Empty text counts as no value. ``shape`` is the JSON
    Schema of any other value, which the kind's ``check_options`` validates. ``directs``
    marks an option that decides where calls go: changing it requires the credentials
    again.
    """

    name: str
    label: str
    help: str = ""
    required: bool = False
    secret: bool = False
    shown: bool = False  # a credential that is not secret, so forms may show it
    only_with: str = ""  # the choice of the first field that it belongs to
    number: bool = False
    whole: bool = False
    least: float = 0
    most: float = 1e9
    directs: bool = False
    flag: bool = False
    choices: Mapping[str, str] | None = None
    several: bool = False
    lines: bool = False  # text of several lines, such as a key
    pattern: str = ""
    like: str = ""
    shape: Mapping[str, Any] | None = None

    @property
    def texts(self) -> bool:
        """Whether it is a list of texts."""
        return self.shape is not None and self.shape["type"] == "array"

    @property
    def rates(self) -> dict[str, str]:
        """The names in an object of rates, with their meanings; {} for other fields."""
        if self.shape is None or self.shape["type"] != "object":
            return {}
        properties = self.shape["properties"].items()
        return {name: rate.get("description", "") for name, rate in properties}

    def check(self, value: object) -> str:
        """Return how to correct a value, or "".

        It is a sentence without its capital, to follow the field's name and a colon.
        """
        if self.shape is not None:
            return ""
        if self.flag:
            return "" if isinstance(value, bool) else "use true or false."
        if self.number:
            return self._check_number(value)
        if self.several and isinstance(value, list):
            if len(value) > MAX_SEVERAL:
                return f"enter at most {MAX_SEVERAL} values."
            return next(filter(None, map(self._check_text, value)), "")
        if self.several and isinstance(value, str):
            return next(filter(None, map(self._check_text, value.split(","))), "")
        return self._check_text(value)

    def _check_number(self, value: object) -> str:
        kind = "whole number" if self.whole else "number"
        if is_number(value) and self.least <= float(str(value)) <= self.most:
            if self.whole and not float(str(value)).is_integer():
                return f"use a {kind}."
            return ""
        return f"use a {kind} from {Decimal(str(self.least)):f} to {int(self.most)}."

    def _check_text(self, value: object) -> str:
        if not isinstance(value, str):
            return "enter a list of text values." if self.several else "enter text."
        if len(value) > MAX_TEXT or "\0" in value:
            return f"use at most {MAX_TEXT} characters."
        if any("\ud800" <= each <= "\udfff" for each in value):
            # Half of a pair, which JSON can spell and no database stores.
            return "use characters of Unicode."
        if not value:
            return ""
        if self.choices is not None and value not in self.choices:
            return f"use one of {', '.join(self.choices)}."
        if self.pattern and not re.fullmatch(self.pattern, value.strip()):
            return f"use a value such as {self.like}."
        return ""

    def read(self, text: str) -> Any:
        """Convert what a person typed to the stored value, without checking it."""
        plain = text.strip()
        if self.flag and plain.lower() in _YES | _NO:
            return plain.lower() in _YES
        if self.number:
            try:
                number = float(plain)
            except ValueError:
                return plain
            return int(number) if number.is_integer() else number
        return plain

    def show(self, value: Any) -> str:
        """Return a value as a person would type it."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, list):
            return ", ".join(str(each) for each in value)
        if isinstance(value, float) and value.is_integer():
            return str(int(value))
        return str(value)


def find_wrong_option(options: Mapping[str, object], fields: Iterable[Field]) -> str:
    """Return what is wrong with a stored option, or "".

    Options without a field, such as an account's timings, change no call.
    """
    by_name = {field.name: field for field in fields}
    for name, value in options.items():
        field = by_name.get(name)
        if field is not None and (message := field.check(value)):
            return f"The option {name} is not valid: {message}"
    return ""


def read_several(value: Any) -> list[str]:
    """Return the texts of a field with ``several``, as a list or in one text."""
    given = value.split(",") if isinstance(value, str) else value or ()
    return [each for each in (str(each).strip() for each in given) if each]
