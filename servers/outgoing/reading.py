"""Read what a cloud's JSON holds, whatever it holds.

A cloud may leave out a field, send null, or send another type than its description
says. None of these functions raises on that. Each follows a path of names and
positions, and returns its type's empty value if the path leads nowhere.
"""

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final

Step = str | int
MAX_TEXT: Final = 1_000_000  # characters: each is looked at

_DIGITS: Final = re.compile(r"-?[0-9]{1,30}")


def parse_json(body: bytes) -> Any:
    """Return the JSON value of a body, or None if it is none.

    NaN and Infinity are no JSON, and become None. So do numbers that are too large for
    a float, such as 1e999, and what is nested too deep.
    """
    try:
        return json.loads(
            body, parse_constant=lambda _name: None, parse_float=_read_finite
        )
    except (ValueError, RecursionError):  # also its encoding
        return None


def count_values(body: bytes) -> int:
    """Return how many values a body of JSON has at most, without reading it.

    Each value but the first comes after a comma, or begins a list or an object.
    """
    return 1 + sum(map(body.count, (b",", b"[", b"{")))


def _read_finite(digits: str) -> float | None:
    found = float(digits)
    return found if math.isfinite(found) else None


def find(data: Any, *path: Step) -> Any:
    """Return the value at a path, or None."""
    for step in path:
        if isinstance(step, str) and isinstance(data, Mapping):
            data = data.get(step)
        elif isinstance(step, int) and isinstance(data, list) and len(data) > step:
            data = data[step]
        else:
            return None
    return data


def text(data: Any, *path: Step) -> str:
    """Return a text, or a number as text (many ids are numbers), or "".

    Characters that no database or terminal takes become question marks. What is longer
    than MAX_TEXT characters is cut.
    """
    found = find(data, *path)
    if isinstance(found, bool):
        return ""
    if isinstance(found, int | float):
        return str(found) if abs(found) < 10**30 else ""
    if not isinstance(found, str):
        return ""
    found = found[:MAX_TEXT]
    if found.isprintable():
        return found
    return "".join(each if each.isprintable() else "?" for each in found)


def number(data: Any, *path: Step) -> float | None:
    """Return a finite number, also of digits in a text, or None."""
    found = decimal(data, *path)
    if found is None:
        return None
    plain = float(found)
    return plain if math.isfinite(plain) else None


def whole(data: Any, *path: Step) -> int:
    """Return a whole number, also of digits in a text, or 0."""
    found = find(data, *path)
    if isinstance(found, str) and _DIGITS.fullmatch(found):
        return int(found)
    if isinstance(found, float) and math.isfinite(found):
        return int(found)
    return found if isinstance(found, int) and not isinstance(found, bool) else 0


def decimal(data: Any, *path: Step) -> Decimal | None:
    """Return a number as it is written, such as a price, or None."""
    found = find(data, *path)
    if isinstance(found, bool) or not isinstance(found, str | int | float):
        return None
    try:
        value = Decimal(str(found)[:40])
    except (InvalidOperation, ValueError):
        return None
    return value if value.is_finite() and abs(value.adjusted()) < 30 else None


def instant(data: Any, *path: Step) -> float | None:
    """Return a time such as 2026-11-29T20:21:00Z in Unix seconds, or None.

    One without a zone is in UTC.
    """
    found = find(data, *path)
    if not isinstance(found, str):
        return None
    try:
        when = datetime.fromisoformat(found)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def truth(data: Any, *path: Step) -> bool:
    """Tell whether a value is true, and no other."""
    return find(data, *path) is True


def fields(data: Any, *path: Step) -> dict[str, Any]:
    """Return an object, or {}."""
    found = find(data, *path)
    return found if isinstance(found, dict) else {}


def objects(data: Any, *path: Step) -> list[dict[str, Any]]:
    """Return the objects in a list, or []. Anything else in it is left out."""
    found = find(data, *path)
    if not isinstance(found, list):
        return []
    return [each for each in found if isinstance(each, dict)]


def texts(data: Any, *path: Step) -> list[str]:
    """Return the texts in a list, or []. Anything else in it is left out."""
    found = find(data, *path)
    if not isinstance(found, list):
        return []
    return [text(each) for each in found if isinstance(each, str)]


def labels(data: Any, *path: Step) -> dict[str, str]:
    """Return an object of texts, or {}. Anything else in it is left out."""
    found = fields(data, *path)
    return {text(name): text(value) for name, value in found.items() if text(value)}
