"""JSON pointers (RFC 6901), and places that name a document and a value in it."""

import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

_PLACE: Final = re.compile(
    r"(?P<path>(?:/[!\"$-~]*)?(?:\?[!\"$-~]*)?)(?:#(?P<pointer>(?:/[!-~]*)?))?"
)
_INDEX: Final = re.compile("0|[1-9][0-9]{0,8}")
MISSING: Final = object()


@dataclass(frozen=True, slots=True)
class Place:
    """A path with its query, and a pointer into the document there."""

    path: str
    pointer: str


def parse_place(text: str) -> Place | None:
    """Return the place that ``/path?query#/pointer`` says, or None if it is none.

    The pointer is percent-encoded, as it is in every URL.
    """
    found = _PLACE.fullmatch(text.strip())
    if found is None or "\\" in text:
        return None
    path = found["path"]
    if any(each in {".", ".."} for each in unquote(path).partition("?")[0].split("/")):
        return None
    pointer = unquote(found["pointer"] or "")
    return Place(path, pointer) if is_pointer(pointer) else None


def is_pointer(text: str) -> bool:
    """Tell whether a text is a pointer."""
    return text == "" or (
        text.startswith("/") and not re.search("~(?![01])", text) and text.isprintable()
    )


def follow_pointer(data: Any, pointer: str) -> Any:
    """Return the value that a pointer leads to, or MISSING."""
    for part in pointer.split("/")[1:]:
        step = part.replace("~1", "/").replace("~0", "~")
        if isinstance(data, dict) and step in data:
            data = data[step]
        elif (
            isinstance(data, list) and _INDEX.fullmatch(step) and int(step) < len(data)
        ):
            data = data[int(step)]
        else:
            return MISSING
    return data
