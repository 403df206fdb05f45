"""Azure's error codes, each mapped to the error of the port with its meaning.

An answer has ``error.code``, and often more codes in ``error.details``. A virtual
machine that failed later has the code in its statuses. What is not listed is decided by
the status. ``OperationNotAllowed`` stands for a quota as well as for other refusals, so
its words decide.

Source: Azure's documentation, "Troubleshoot common Azure deployment errors",
"Troubleshoot allocation failures" and "Resource Manager throttling", and recorded
answers.
"""

import re
from collections.abc import Mapping
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

NAME: Final = "Azure"
# A group that is missing can't be told from one that is named wrongly.
NO_GROUP: Final = "ResourceGroupNotFound"


class TokenRejectedError(CredentialsError):
    """Azure rejects the access token. The call did nothing."""


class GroupMissingError(MissingError):
    """The whole resource group does not exist."""


MEANINGS: Final[dict[type[CallError], frozenset[str]]] = {
    ThrottledError: frozenset(
        {
            *("TooManyRequests", "SubscriptionRequestsThrottled"),
            *("ResourceRequestsThrottled", "ResourceCollectionRequestsThrottled"),
            *("OperationThrottled", "RetryableError"),
            "RetryableErrorDueToAnotherOperation",
        }
    ),
    NoCapacityError: frozenset(
        {
            *("SkuNotAvailable", "AllocationFailed", "ZonalAllocationFailed"),
            *("OverconstrainedAllocationRequest", "AllocationTimeout"),
            "OverconstrainedZonalAllocationRequest",
            *("InsufficientCapacity", "SpotCapacityNotAvailable"),
            # The subnet has no address left.
            "SubnetIsFull",
        }
    ),
    QuotaError: frozenset(
        {
            *("QuotaExceeded", "ResourceQuotaExceeded", "ResourceCountLimitExceeded"),
            *("PublicIPCountLimitReached", "NetworkInterfaceCountLimitReached"),
            *("PublicIPAddressCountLimitReached", "DiskCountLimitReached"),
        }
    ),
    CredentialsError: frozenset(
        {
            *("ExpiredAuthenticationToken", "InvalidAuthenticationToken"),
            *("InvalidAuthenticationTokenTenant", "AuthenticationFailed"),
            *("AuthorizationFailed", "LinkedAuthorizationFailed"),
            *("SubscriptionNotFound", "InvalidSubscriptionId"),
            *("DisabledSubscription", "ReadOnlyDisabledSubscription"),
        }
    ),
    RefusedError: frozenset(
        {
            *("OperationNotAllowed", "MissingSubscriptionRegistration"),
            *("ScopeLocked", "ResourceGroupBeingDeleted", "InvalidResourceType"),
            *("RequestDisallowedByPolicy", "RequestDisallowedByAzure"),
            *("NoRegisteredProviderFound", "InvalidApiVersionParameter"),
        }
    ),
    # The machine's name is the key of an instance that may exist already: look first.
    UnknownOutcomeError: frozenset(
        {
            *("PropertyChangeNotAllowed", "PreconditionFailed", "Conflict"),
            *("ConflictingUserInput", "AnotherOperationInProgress"),
            *("InternalServerError", "InternalExecutionError", "ServiceUnavailable"),
            *("GatewayTimeout", "ServerTimeout", "ResourceReadFailed"),
        }
    ),
    MissingError: frozenset({"ResourceNotFound", "NotFound", NO_GROUP}),
}
_BY_CODE: Final = {code: error for error, codes in MEANINGS.items() for code in codes}
# Of several codes the most telling one counts, in the order above.
_ORDER: Final = list(MEANINGS)
_QUOTA: Final = re.compile(r"\bquota\b", re.IGNORECASE)
_RATE: Final = re.compile(r"too many requests", re.IGNORECASE)
_LIMIT: Final = re.compile(r"(?:Limit|Quota)(?:Exceeded|Reached)")
_ADVICE: Final = {
    "ExpiredAuthenticationToken": (
        "The access token has expired. ServerFleet fetches a new one. If this stays, "
        "check this machine's clock."
    ),
    "InvalidAuthenticationTokenTenant": (
        "The subscription belongs to another tenant. Correct the tenant or the "
        "subscription."
    ),
    "AuthenticationToken|AuthenticationFailed": (
        "Check that the account's cloud is the one of its subscription."
    ),
    "LinkedAuthorizationFailed": (
        "Give the service principal rights on what the message names, too."
    ),
    "AuthorizationFailed": (
        "Give the service principal a role with this action on the resource group. A "
        "new role takes some minutes to work."
    ),
    "SubscriptionNotFound|InvalidSubscriptionId": (
        "Correct the subscription, or give the service principal a role in it."
    ),
    "DisabledSubscription": "Enable the subscription in the portal.",
    "MissingSubscriptionRegistration": (
        "Register the resource providers Microsoft.Compute and Microsoft.Network in "
        "the subscription."
    ),
    "ScopeLocked": "A lock protects it. Remove the lock from it or its group.",
    NO_GROUP: "Create the resource group, or correct the option resource_group.",
    "SkuNotAvailable": "Use another size, zone or region.",
}
_QUOTA_ADVICE: Final = (
    "Ask for a higher quota on the page Quotas of the portal, or use another size or "
    "region."
)


def explain(reply: Reply) -> CallError | None:
    """Return what an answer that is no success means, or None without an error."""
    error = reading.fields(reply.data, "error") or reading.fields(reply.data)
    codes, message = read_codes(error)
    if not codes and not message:
        return None
    if not codes:
        # Words alone may be those of a gateway, or of another service.
        if reply.status != 429:
            return None
        message = "Too many requests"
    return make_error(reply.status, codes, message, retry_after=reply.retry_after)


def read_codes(error: Mapping[str, Any]) -> tuple[list[str], str]:
    """Return an error's codes, the outer one first, and its words."""
    parts = [error, *reading.objects(error, "details")]
    if inner := reading.fields(error, "innererror"):
        parts.append(inner)
    codes = [code for each in parts if (code := reading.text(each, "code"))]
    said = [word for each in parts if (word := reading.text(each, "message"))]
    return list(dict.fromkeys(codes)), " ".join(dict.fromkeys(said))


def make_error(
    status: int, codes: list[str], message: str, *, retry_after: float | None
) -> CallError:
    """Return the error for a status (0: of a later failure), codes and words."""
    meaning = find_meaning(status, codes, message)
    named = codes[0] if codes else str(status)
    said = f"{NAME} answered {named[:80]}: {shorten(message).rstrip('.') or status}."
    found = " ".join(codes)
    if meaning is QuotaError:
        said += f" {_QUOTA_ADVICE}"
    elif advice := next(
        (text for code, text in _ADVICE.items() if re.search(code, found)), ""
    ):
        said += f" {advice}"
    waits = meaning in {ThrottledError, UnknownOutcomeError}
    return meaning(said, retry_after=retry_after if waits else None)


def find_meaning(status: int, codes: list[str], message: str) -> type[CallError]:
    """Return the error for a status, codes and a message."""
    known = {_BY_CODE[code] for code in codes if code in _BY_CODE}
    if status == 429 or (status in {0, 409} and _RATE.search(message)):
        return ThrottledError
    if status == 401:
        return TokenRejectedError
    if NO_GROUP in codes:
        return GroupMissingError
    if _is_quota(codes, message):
        return QuotaError
    for meaning in _ORDER:
        if meaning in known:
            return meaning
    return _weigh_status(status, codes)


def _is_quota(codes: list[str], message: str) -> bool:
    if any(_LIMIT.search(code) for code in codes):
        return True
    return "OperationNotAllowed" in codes and bool(_QUOTA.search(message))


def _weigh_status(status: int, codes: list[str]) -> type[CallError]:
    if status == 403:
        return CredentialsError
    if status == 404 and codes[-1:] and codes[-1].endswith("NotFound"):
        return MissingError
    if status in {404, 408, 409, 412} or not 400 <= status < 500:
        return UnknownOutcomeError
    return RefusedError
