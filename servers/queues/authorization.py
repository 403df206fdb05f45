"""How calls to a source that is no certain CI system authenticate."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Final

from servers.outgoing.fields import Field

# What a header takes.
_PRINTABLE: Final = "[!-~](?:[ -~]*[!-~])?"
# A token of a CI system. White space around it is from copying it.
ONE_WORD: Final = "[!-~]+"

FIELDS: Final = (
    Field(
        "token",
        "Token",
        "Sent as Authorization: Bearer. Leave it empty if none is needed.",
        secret=True,
        pattern=_PRINTABLE,
        like="glpat-abc",
    ),
    Field(
        "user",
        "User",
        "For HTTP Basic authentication, instead of a token.",
        shown=True,
        pattern="[!-9;-~]+",
        like="reader",
    ),
    Field("password", "Password", "The user's password.", secret=True),
)


def check_authorization(given: Mapping[str, str]) -> str:
    """Return what is wrong with these credentials together, or ""."""
    if given.get("token") and given.get("user"):
        return "Enter either a token, or a user and a password."
    if given.get("password") and not given.get("user"):
        return "Enter the user that this password belongs to."
    return ""


def read_token(given: Mapping[str, str]) -> str:
    """Return the token of some credentials as it is sent, or ""."""
    return given.get("token", "").strip()


def write_basic(user: str, password: str) -> str:
    """Return the value of an Authorization header."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def write_authorization(given: Mapping[str, str]) -> dict[str, str]:
    """Return the header that authenticates a call, or {}."""
    if token := read_token(given):
        return {"Authorization": f"Bearer {token}"}
    if user := given.get("user"):
        return {"Authorization": write_basic(user, given.get("password", ""))}
    return {}


def list_secrets(given: Mapping[str, str]) -> tuple[str, ...]:
    """Return what no message may repeat."""
    sent = write_authorization(given).get("Authorization", "").partition(" ")[2]
    return tuple(filter(None, (given.get("token"), given.get("password"), sent)))
