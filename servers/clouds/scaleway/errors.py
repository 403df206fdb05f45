"""Scaleway's error types, each mapped to the error of the port with its meaning.

An error is ``{"type": …, "message": …}`` with fields of its type. A type that is not
listed is a refusal if the answer was 4xx, and an unknown outcome otherwise.

Source: scw/errors.go of the vendor's Go client, and recorded answers. The status of
out_of_stock is not known, so types count more than statuses.
"""

import re
from typing import Any, Final

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

NAME: Final = "Scaleway"

MEANINGS: Final[dict[type[CallError], frozenset[str]]] = {
    CredentialsError: frozenset({"denied_authentication", "permissions_denied"}),
    QuotaError: frozenset({"quotas_exceeded"}),
    NoCapacityError: frozenset({"out_of_stock"}),
    MissingError: frozenset({"not_found", "unknown_resource"}),
    ThrottledError: frozenset({"too_many_requests"}),
    RefusedError: frozenset(
        {
            *("invalid_arguments", "invalid_request_error", "precondition_failed"),
            *("locked", "resource_expired"),
        }
    ),
    # A matter of time: the same call may be accepted in some seconds.
    UnknownOutcomeError: frozenset({"transient_state", "internal_error"}),
}
_BY_TYPE: Final = {kind: error for error, kinds in MEANINGS.items() for kind in kinds}
# Older answers to a create call have no type that tells a quota.
_QUOTA: Final = re.compile(r"quotas? exceeded", re.I)
_EXPIRED: Final = "The API key has expired. Create a new one and enter its secret key."
_UNKNOWN_KEY: Final = (
    "The secret key is unknown: the API key was deleted, or its secret key was not "
    "copied whole. Create a new API key and enter its secret key in the account."
)
_ADVICE: Final = {
    "quotas_exceeded": (
        "Ask Scaleway for a higher quota, or delete what is not needed."
    ),
    "out_of_stock": "Use another size or zone, or wait.",
    "permissions_denied": (
        "Give the API key's application the permission sets InstancesFullAccess and "
        "BlockStorageFullAccess in this project."
    ),
    "locked": "Scaleway locked it. Ask Scaleway's support why.",
}


def explain(reply: Reply) -> CallError | None:
    """Return what an answer that is no success means, or None without a type."""
    kind = reading.text(reply.data, "type")
    words = shorten(reading.text(reply.data, "message"))
    if reply.status in {401, 403} and _QUOTA.search(words):
        kind = "quotas_exceeded"
    if not kind or reply.status == 429:
        return None
    meaning = _BY_TYPE.get(kind) or _guess(reply.status)
    said = f"{NAME} answered {kind[:60]}: {words.rstrip('.') or 'no reason'}."
    if more := _read_details(reply.data):
        said += f" ({shorten(more)})"
    if advice := _advise(kind, reply.data):
        said += f" {advice}"
    wait = reply.retry_after if meaning is ThrottledError else None
    return meaning(said, retry_after=wait)


def _advise(kind: str, data: Any) -> str:
    """Return what a person should do, or ""."""
    if kind == "denied_authentication":
        reason = reading.text(data, "reason")
        return _EXPIRED if reason == "expired" else _UNKNOWN_KEY
    if "protect" in reading.text(data, "precondition").lower():
        return "Switch the server's protection off in the Scaleway console."
    return _ADVICE.get(kind, "")


def _read_details(data: Any) -> str:
    """Return the fields of an error's type as words, or ""."""
    said = []
    for each in reading.objects(data, "details"):
        argument = reading.text(each, "argument_name")
        resource = reading.text(each, "resource")
        if argument:
            why = reading.text(each, "help_message") or reading.text(each, "reason")
            said.append(f"{argument}: {why}")
        elif reading.find(each, "quota") is not None:
            quota, used = reading.text(each, "quota"), reading.text(each, "current")
            said.append(f"{resource}: {used or '?'} of {quota or '?'}")
        elif resource:
            said.append(f"{reading.text(each, 'action')} {resource}".strip())
    for name, wrong in reading.fields(data, "fields").items():
        said.append(f"{name}: {' '.join(reading.texts(wrong))}")
    resource = " ".join(
        filter(
            None, (reading.text(data, "resource"), reading.text(data, "resource_id"))
        )
    )
    said += [resource] if resource else []
    for name in ("current_state", "precondition", "help_message"):
        if found := reading.text(data, name):
            said.append(f"{name.replace('_', ' ')}: {found}")
    return ", ".join(said)


def _guess(status: int) -> type[CallError]:
    if status == 401:
        return CredentialsError
    return RefusedError if 400 <= status < 500 else UnknownOutcomeError
