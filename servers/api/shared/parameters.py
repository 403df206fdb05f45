"""Flags and numbers in query strings, and the error for a wrong parameter."""

from typing import Final

from rest_framework.request import Request

from servers.errors import InvalidError

TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False", ""})
MOST_EVENTS: Final = 500
MOST_AFTER: Final = 2**62


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


def read_force(given: list[str]) -> bool:
    """Return the parameter ``force``, parsed like Go's strconv. Raise InvalidError."""
    if not given:
        return False
    if len(given) == 1 and given[0] in TRUE:
        return True
    if len(given) == 1 and given[0] in FALSE:
        return False
    raise InvalidError(
        "force must be true or false.", fields={"force": ["Use true or false."]}
    )


def read_unchecked(request: Request) -> bool:
    """Return whether to save a template without asking its cloud."""
    given = request.query_params.getlist("unchecked")
    if given in ([], ["false"]):
        return False
    if given == ["true"]:
        return True
    raise InvalidError(
        "unchecked must be true or false.",
        fields={"unchecked": ["Use true or false."]},
    )
