"""Vultr's errors, each mapped to the error of the port with its meaning.

An error is ``{"error": "a sentence", "status": 400}``. There are no codes: almost every
refusal is a 400, and quota, lack of capacity and a busy instance differ in their words
only.

Source: the Vultr API reference, and messages quoted in public issues.
"""

import re
from typing import Final

from servers.clouds.base import NoCapacityError, QuotaError
from servers.outgoing import reading
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    MissingError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from servers.outgoing.reply import Reply, shorten

NAME: Final = "Vultr"

# In this order: the first whose words are in a message says what a refusal means.
WORDS: Final[tuple[tuple[re.Pattern[str], type[CallError]], ...]] = (
    # A matter of time: it installs, or is being destroyed already.
    (
        re.compile(
            r"(?:server|instance|vm) is (?:currently )?locked|pending destruction"
        ),
        UnknownOutcomeError,
    ),
    (
        re.compile(
            r"maximum monthly fee|fee limit|limit increase|"
            r"maximum number of (?:active )?(?:instances|servers|subscriptions)|"
            r"(?:account|instance|server|subscription)s? limits?\b"
        ),
        QuotaError,
    ),
    (
        re.compile(
            r"\b(?:plan|region|location|datacenter)\b.{0,40}"
            r"(?:not (?:currently |temporarily )?|un)available|"
            r"sold out|out of stock|\bcapacity\b"
        ),
        NoCapacityError,
    ),
)
_BY_STATUS: Final[dict[int, type[CallError]]] = {
    401: CredentialsError,
    403: CredentialsError,
    404: MissingError,
    408: UnknownOutcomeError,
    423: UnknownOutcomeError,
    429: ThrottledError,
}
# Both sentences were seen for an address that the access control does not list.
_FOREIGN_ADDRESS: Final = re.compile(r"unauthorized ip|not authorized to use this api")
_ADDRESS_ADVICE: Final = (
    "The account's access control does not let this machine use the API key. Add its "
    "public addresses, IPv4 and IPv6, under Account, API, Access Control in Vultr's "
    "console."
)
_SIGN_IN_ADVICE: Final = (
    "The API key is unknown: it was deleted, renewed or not copied whole. Copy it from "
    "Account, API in Vultr's console, and enter it in the account."
)
_RIGHTS_ADVICE: Final = (
    "The API key's user lacks a permission. Give it Manage Servers and Deploy New "
    "Servers under Account, Users in Vultr's console."
)
_ADVICE: Final[dict[type[CallError], str]] = {
    QuotaError: (
        "The account's limit is reached. Ask Vultr for a higher one, or destroy what "
        "is not needed. What was destroyed may count for some minutes more."
    ),
    NoCapacityError: "Another region or plan may work.",
}


def explain(reply: Reply) -> CallError | None:
    """Return what an answer that is no success means, or None if it is not Vultr's.

    Any service may answer with an error, but Vultr's repeats the status. What another
    one says neither decides about a create nor is quoted: whoever may enter an endpoint
    must not read it.
    """
    found = reading.find(reply.data, "error")
    words = shorten(reading.text(found)) if isinstance(found, str) else ""
    if not words or reading.whole(reply.data, "status") != reply.status:
        return None
    meaning = find_meaning(reply.status, words)
    advice = _ADVICE.get(meaning, "")
    if meaning is CredentialsError:
        advice = _advise(reply.status, words)
    return meaning(
        f"{NAME} answered {reply.status}: {words.rstrip('.')}. {advice}".rstrip(),
        retry_after=reply.retry_after if meaning is ThrottledError else None,
    )


def find_meaning(status: int, words: str) -> type[CallError]:
    """Return which error an answer with these words is."""
    if status >= 500 or status < 400:
        return UnknownOutcomeError
    if meaning := _BY_STATUS.get(status):
        return meaning
    lower = words.lower()
    for pattern, meaning in WORDS:
        if pattern.search(lower):
            return meaning
    # A conflict says that something else is under way.
    return UnknownOutcomeError if status == 409 else RefusedError


def _advise(status: int, words: str) -> str:
    """Return what to do about credentials."""
    if _FOREIGN_ADDRESS.search(words.lower()):
        return _ADDRESS_ADVICE
    return _SIGN_IN_ADVICE if status == 401 else _RIGHTS_ADVICE
