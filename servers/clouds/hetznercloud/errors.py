"""Hetzner Cloud's error codes, each mapped to the error of the port with its meaning.

A code that is not listed is a refusal if the answer was 4xx, and an unknown outcome
otherwise.

Source: the Hetzner Cloud API reference, "Errors", and the codes that the vendor's Go
client (hcloud-go, hcloud/error.go) lists.
"""

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

NAME: Final = "Hetzner Cloud"

MEANINGS: Final[dict[type[CallError], frozenset[str]]] = {
    ThrottledError: frozenset({"rate_limit_exceeded"}),
    MissingError: frozenset({"not_found"}),
    NoCapacityError: frozenset(
        {"resource_unavailable", "placement_error", "no_space_left_in_location"}
    ),
    QuotaError: frozenset({"resource_limit_exceeded"}),
    CredentialsError: frozenset({"unauthorized", "forbidden", "token_readonly"}),
    # Either nothing is known of the outcome, or it is a matter of time. A name that is
    # not unique is the key of an instance that exists already.
    UnknownOutcomeError: frozenset(
        {
            *("uniqueness_error", "conflict", "locked", "maintenance", "timeout"),
            *("bad_gateway", "server_error", "service_error", "unknown_error"),
            *("unavailable", "robot_unavailable", "action_failed"),
        }
    ),
}
_BY_CODE: Final = {code: error for error, codes in MEANINGS.items() for code in codes}
_ADVICE: Final = {
    "unauthorized": (
        "The API token is unknown: it was deleted or not copied whole. Create one "
        "under Security, API tokens of the project, and enter it in the account."
    ),
    "token_readonly": (
        "The API token may only read. Create one with the permission Read & Write."
    ),
    "forbidden": "The API token may not do this. Create one with Read & Write.",
    "resource_limit_exceeded": (
        "The project's limit is reached. Ask Hetzner for a higher one, or delete what "
        "is not needed."
    ),
    "protected": "Switch its protection off in the Hetzner Console.",
}
# The limit is refilled at 3,600 calls an hour, so that waiting for all of them, which
# RateLimit-Reset names, would be far too long.
_MOST_WAIT: Final = 60.0


def explain(reply: Reply) -> CallError | None:
    """Return what an answer that is no success means, or None without a code."""
    code = reading.text(reply.data, "error", "code")
    if not code:
        return None
    words = shorten(reading.text(reply.data, "error", "message"))
    named = ", ".join(
        f"{reading.text(each, 'name')}: {' '.join(reading.texts(each, 'messages'))}"
        for each in reading.objects(reply.data, "error", "details", "fields")
    )
    said = f"{NAME} answered {code[:60]}: {words.rstrip('.')}."
    said += f" ({shorten(named)})" if named else ""
    if advice := _ADVICE.get(code):
        said += f" {advice}"
    meaning = _BY_CODE.get(code) or _guess(reply.status)
    wait = reply.find_wait("RateLimit-Reset", most=_MOST_WAIT)
    return meaning(said, retry_after=wait if meaning is ThrottledError else None)


def _guess(status: int) -> type[CallError]:
    if status == 429:
        return ThrottledError
    if status == 401:
        return CredentialsError
    return RefusedError if 400 <= status < 500 else UnknownOutcomeError
