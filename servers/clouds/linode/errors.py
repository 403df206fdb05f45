"""Linode's errors, each mapped to the error of the port with its meaning.

The API has no codes. A refusal is a status and a list of sentences, each with the field
that it is about, or without one. So want of capacity, a limit and a Linode that is busy
differ in their words only.

Source: the Linode API reference, "Errors", recorded answers, and messages quoted in
public issues and clients.
"""

import re
from typing import Final

from servers.clouds.base import About, NoCapacityError, QuotaError
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

NAME: Final = "Linode"

# In this order: the first that has words in a refusal says what it means.
WORDS: Final[tuple[tuple[re.Pattern[str], type[CallError]], ...]] = (
    # The label is the key of a Linode that exists already.
    (re.compile(r"\blabel\b.{0,20} unique|already has a linode"), UnknownOutcomeError),
    (
        re.compile(
            r"not (?:currently )?available in (?:the|this|that)|no availability|"
            r"no open slots|capacity|sold out"
        ),
        NoCapacityError,
    ),
    # It is a matter of time: another job, or calls at the same time.
    (re.compile(r"linode (?:is )?busy|try again"), UnknownOutcomeError),
    (
        re.compile(
            r"account limit|limit reached|reached (?:a|the|your) (?:\w+ ){0,3}limit|"
            r"technical justification"
        ),
        QuotaError,
    ),
    (re.compile(r"\block(?:ed|s)?\b"), RefusedError),
)
_BY_STATUS: Final[dict[int, type[CallError]]] = {
    401: CredentialsError,
    404: MissingError,
    408: UnknownOutcomeError,
    409: UnknownOutcomeError,
    423: UnknownOutcomeError,
    429: ThrottledError,
}
_ABOUT: Final = {
    "image": About.IMAGE,
    "type": About.SIZE,
    "authorized_keys": About.KEY,
    "authorized_users": About.KEY,
    "firewall_id": About.NETWORK,
    "interfaces": About.NETWORK,
    "placement_group": About.NETWORK,
    "private_ip": About.NETWORK,
    "tags": About.TAGS,
}
_OF_ROOM: Final = frozenset({"", "type", "region", "placement_group"})
_SIGN_IN_ADVICE: Final = (
    "The token is unknown: it ended, was revoked or was not copied whole. Create one "
    "under My Profile, API Tokens in the Cloud Manager, and enter it in the account."
)
_RIGHTS_ADVICE: Final = (
    "The token lacks a scope for this call, or its user a right. Create a token with "
    "the scopes that the guide page lists, as an unrestricted user."
)
_ADVICE: Final[dict[type[CallError], str]] = {
    QuotaError: (
        "The account's limit is reached. Ask Linode's support for a higher one, or "
        "delete what is not needed."
    ),
    NoCapacityError: "Another region or size may work.",
}
_LOCK_ADVICE: Final = "A lock protects it. Remove the lock in the Cloud Manager."
# The longest window of a limit is two minutes.
_MOST_WAIT: Final = 120.0
_MOST_REASONS: Final = 5


def explain(reply: Reply) -> CallError | None:
    """Return what an answer that is no success means, or None without a reason."""
    errors = [
        (reading.text(each, "field"), reading.text(each, "reason").strip())
        for each in reading.objects(reply.data, "errors")
        if reading.text(each, "reason").strip()
    ][:_MOST_REASONS]
    if not errors:
        return None
    meaning, is_lock = _find_meaning(reply.status, errors)
    words = "; ".join(
        f"{field}: {reason.rstrip('.')}" if field else reason.rstrip(".")
        for field, reason in errors
    )
    advice = _LOCK_ADVICE if is_lock else _ADVICE.get(meaning, "")
    if meaning is CredentialsError:
        unknown = reply.status == 401 and "not authorized" not in words.lower()
        advice = _SIGN_IN_ADVICE if unknown else _RIGHTS_ADVICE
    wait = reply.find_wait("X-RateLimit-Reset", most=_MOST_WAIT)
    return meaning(
        f"{NAME} answered {reply.status}: {shorten(words)}. {advice}".rstrip(),
        retry_after=wait if meaning is ThrottledError else None,
        about=_find_about(errors),
    )


def _find_meaning(
    status: int, errors: list[tuple[str, str]]
) -> tuple[type[CallError], bool]:
    """Return the meaning of a refusal, and whether a lock is its reason."""
    if status >= 500:
        return UnknownOutcomeError, False
    if meaning := _BY_STATUS.get(status):
        return meaning, False
    for pattern, meaning in WORDS:
        if any(_says(pattern, meaning, *error) for error in errors):
            return meaning, meaning is RefusedError
    # A label of ours is always valid, so only another Linode can stand against it.
    if any(field == "label" for field, _ in errors):
        return UnknownOutcomeError, False
    if status == 403:
        return CredentialsError, False
    return (RefusedError if 400 <= status < 500 else UnknownOutcomeError), False


def _says(
    pattern: re.Pattern[str], meaning: type[CallError], field: str, reason: str
) -> bool:
    # The account's limits are about no field; a field has limits of its own. An image
    # can be missing in a region that has room.
    if field and meaning is QuotaError:
        return False
    if field not in _OF_ROOM and meaning is NoCapacityError:
        return False
    return pattern.search(reason.lower()) is not None


def _find_about(errors: list[tuple[str, str]]) -> str:
    """Return the part of a create call that is refused, or ""."""
    for field, _ in errors:
        if about := _ABOUT.get(re.split(r"[.\[]", field)[0]):
            return about
    return ""
