"""What the answers of OpenStack's services mean.

Each service words an error its own way. Nova and Cinder: ``{"itemNotFound": {"message":
…, "code": 404}}``. Keystone: ``{"error": {"message": …, "title": …}}``. Neutron:
``{"NeutronError": {"type": …, "message": …}}``. Versions: ``{"errors": [{"detail":
…}]}``. Glance and the checks of tokens also send HTML or text.

Source: the API references of the services, nova/exception.py and
nova/api/openstack/wsgi.py, neutron_lib/exceptions.
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

NAME: Final = "OpenStack"


class TokenRejectedError(CredentialsError):
    """A service does not accept the token. It did nothing else with the request."""


class AlreadyAssociatedError(RefusedError):
    """The port has a floating address of this network already."""


# Texts of a 403, which Nova sends for quotas as well as for what a role may not do.
_QUOTA: Final = re.compile(r"quota exceeded|maximum number of (?!metadata)", re.I)
_NO_IMAGE: Final = re.compile(rb"no image found|failed to find image", re.I)
_RULE: Final = re.compile(r"maximum number of metadata|only volume-backed", re.I)
# Neutron's types. All others are told by the status.
_NEUTRON: Final[dict[str, type[CallError]]] = {
    "OverQuota": QuotaError,
    "IpAddressGenerationFailure": NoCapacityError,
    "ExternalIpAddressExhausted": NoCapacityError,
    "FloatingIPPortAlreadyAssociated": AlreadyAssociatedError,
    "PortNotFound": MissingError,
}
_BY_STATUS: Final[dict[int, type[CallError]]] = {
    401: TokenRejectedError,
    404: MissingError,
    # Nova's own limiter, of old releases; a body that is too large does not occur.
    413: ThrottledError,
    429: ThrottledError,
}
# How a fault of a server in ERROR begins if its size fits nowhere.
_NO_HOST: Final = re.compile(
    r"no valid host was found|not enough hosts available|exceeded maximum number of "
    r"retries|insufficient (compute )?resources",
    re.I,
)
_ADVICE: Final = (
    (
        re.compile("only volume-backed", re.I),
        "Set the option disk_gib, which gives the server a volume as its root disk.",
    ),
    (
        re.compile("multiple possible networks", re.I),
        "Set the option networks.",
    ),
    (
        re.compile("is locked", re.I),
        "Someone locked the server, which protects it. Unlock it in OpenStack.",
    ),
    (
        re.compile("is not supported by the API", re.I),
        "ServerFleet needs OpenStack Pike (2017) or newer.",
    ),
)


def explain(reply: Reply) -> CallError | None:
    """Return what an answer that is no success means, or None if it is not known."""
    if reply.status >= 500 or reply.status < 400:
        return None
    kind, words = _read_error(reply)
    if not words:
        # The check of tokens stands before the services, and answers with plain text.
        # Glance's errors are HTML. Another 403 or 404 may be a gateway's.
        if reply.status == 401:
            words = "The token is not accepted"
        elif reply.status == 404 and _NO_IMAGE.search(reply.answer.body):
            words = "There is no such image"
        else:
            return None
    meaning = _NEUTRON.get(kind) or _BY_STATUS.get(reply.status) or RefusedError
    if reply.status == 403:
        meaning = _explain_forbidden(words)
    said = f"{NAME} answered {reply.status}: {words.rstrip('.')}."
    for pattern, advice in _ADVICE:
        if pattern.search(words):
            said = f"{said} {advice}"
    if meaning is CredentialsError:
        said = f"{said} Give the user or the application credential the role member."
    wait = reply.retry_after
    if meaning is ThrottledError and wait is None:
        wait = reading.number(reply.data, kind, "retryAfter")
    return meaning(said, retry_after=wait if meaning is ThrottledError else None)


def explain_keystone(reply: Reply) -> CallError | None:
    """Return what an answer of Keystone to a sign-in means, or None."""
    _, words = _read_error(reply)
    said = f"Keystone answered {reply.status}: {words.rstrip('.') or 'No reason'}."
    if reply.status in {401, 403}:
        if "expired" in words.lower():
            said = f"{said} They have expired: enter new ones in the account."
        return CredentialsError(said)
    if reply.status == 400 and words:
        return CredentialsError(said)
    if reply.status == 404:
        return UnknownOutcomeError(
            f"{said} Check that the account's endpoint is Keystone's address, such as "
            "https://cloud.example.com:5000/v3."
        )
    if reply.status == 413:
        return ThrottledError(said, retry_after=reply.retry_after)
    return None


def tells_no_capacity(fault: str) -> bool:
    """Tell whether a server's fault says that its size fits nowhere at the moment."""
    return bool(_NO_HOST.search(fault))


def _explain_forbidden(words: str) -> type[CallError]:
    if _QUOTA.search(words):
        return QuotaError
    return RefusedError if _RULE.search(words) else CredentialsError


def _read_error(reply: Reply) -> tuple[str, str]:
    """Return the name of an error and its words, or ("", "")."""
    data = reply.data
    if found := reading.objects(data, "errors"):
        title = reading.text(found, 0, "title")
        return title, shorten(reading.text(found, 0, "detail") or title)
    for kind, inner in reading.fields(data).items():
        # Neutron's may be a text instead of an object. Other texts are of no service.
        said = reading.text(inner) if kind == "NeutronError" else ""
        words = reading.text(inner, "message") or said
        if words:
            return reading.text(inner, "type") or kind, shorten(words)
    return "", ""
