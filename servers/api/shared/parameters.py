"""Flags and numbers in query strings, and the error for a wrong parameter."""

from collections.abc import Collection
from typing import Final

from rest_framework.request import Request

from servers.errors import InvalidError

TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False", ""})
MAX_EVENTS: Final = 500
MAX_AFTER: Final = 2**62


def refuse(name: str, message: str) -> InvalidError:
    """Return the error for a wrong parameter."""
    return InvalidError.of({name: [message]})


def read_number(name: str, text: str, least: int, most: int) -> int:
    """Return the whole number that a parameter is, or raise InvalidError."""
    if text.isascii() and text.isdigit() and len(text) < 20:
        number = int(text)
        if least <= number <= most:
            return number
    raise refuse(name, f"Use a whole number from {least} to {most}.")


def read_force(request: Request) -> bool:
    """Return the parameter ``force``, parsed like Go's strconv. Raise InvalidError."""
    return _read_flag(request, "force", TRUE, FALSE)


def read_drain(request: Request) -> bool:
    """Return whether the servers of a deleted pool are drained and terminated."""
    return _read_flag(request, "drain", {"true"}, {"false"})


def read_unchecked(request: Request) -> bool:
    """Return whether to save a template without asking its cloud."""
    return _read_flag(request, "unchecked", {"true"}, {"false"})


def _read_flag(
    request: Request, name: str, true: Collection[str], false: Collection[str]
) -> bool:
    given = request.query_params.getlist(name)
    if len(given) > 1 or not {*given} <= {*true, *false}:
        raise InvalidError(
            f"{name} must be true or false.", fields={name: ["Use true or false."]}
        )
    return bool(given) and given[0] in true
