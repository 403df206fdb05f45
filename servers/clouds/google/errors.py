"""Google's reasons and codes, each mapped to the error of the port with its meaning.

An answer has reasons (``error.errors[].reason``), and newer ones a status, too. An
operation that failed has codes (``error.errors[].code``). What is not listed is decided
by the status.

Source: the Compute Engine documentation, "Troubleshooting resource availability
errors", "Allocation quotas" and "API errors", and recorded answers.
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
from servers.outgoing.http import Answer
from servers.outgoing.reply import Reply, shorten

NAME: Final = "Google Compute Engine"

MEANINGS: Final[dict[type[CallError], frozenset[str]]] = {
    # Of the API's own rates.
    ThrottledError: frozenset(
        {
            *("rateLimitExceeded", "userRateLimitExceeded", "dailyLimitExceeded"),
            *("concurrentLimitExceeded", "RATE_LIMIT_EXCEEDED"),
            *("RESOURCE_OPERATION_RATE_EXCEEDED", "resourceNotReady"),
        }
    ),
    NoCapacityError: frozenset(
        {
            "ZONE_RESOURCE_POOL_EXHAUSTED",
            "ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS",
            "REGION_RESOURCE_POOL_EXHAUSTED",
            "stockout",
            # The subnet has no address left.
            "IP_SPACE_EXHAUSTED",
            "IP_SPACE_EXHAUSTED_WITH_DETAILS",
        }
    ),
    QuotaError: frozenset({"quotaExceeded", "QUOTA_EXCEEDED", "limitExceeded"}),
    CredentialsError: frozenset(
        {
            *("authError", "required", "forbidden", "insufficientPermissions"),
            *("accessNotConfigured", "SERVICE_DISABLED", "PERMISSION_DENIED"),
            *("UNAUTHENTICATED", "accountDisabled", "billingNotEnabled"),
            *("ACCESS_TOKEN_EXPIRED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
        }
    ),
    # The name that is taken is the key of an instance that exists already: look first.
    UnknownOutcomeError: frozenset(
        {
            *("alreadyExists", "RESOURCE_ALREADY_EXISTS", "resourceInUse"),
            *("backendError", "internalError", "INTERNAL_ERROR", "UNAVAILABLE"),
            *("operationInProgress", "conflict"),
        }
    ),
    MissingError: frozenset({"notFound"}),
}
_BY_REASON: Final = {
    reason: error for error, reasons in MEANINGS.items() for reason in reasons
}
# Of several reasons the most telling one counts, in the order above.
_ORDER: Final = list(MEANINGS)
_MISSING: Final = re.compile(r"The resource '([^']{1,500})' was not found")
_PROJECT: Final = re.compile(r"projects/[^/]+")
_QUOTA: Final = re.compile(r"\bquota\b.{0,200}\bexceeded", re.IGNORECASE | re.DOTALL)
_ADVICE: Final = {
    "insufficient authentication scopes|SCOPE_INSUFFICIENT": (
        "The credentials lack an access scope. Give the machine that ServerFleet runs "
        "on the scope cloud-platform or compute."
    ),
    "accessNotConfigured|SERVICE_DISABLED": (
        "Enable the Compute Engine API in the project, then wait a few minutes."
    ),
    "authError|UNAUTHENTICATED|ACCESS_TOKEN_EXPIRED": (
        "The access token expired or was revoked. ServerFleet fetches a new one. If "
        "this stays, create a new key for the service account."
    ),
    "forbidden|PERMISSION_DENIED|insufficientPermissions": (
        "Grant the service account a role with this permission in the project."
    ),
    "quotaExceeded|QUOTA_EXCEEDED": (
        "Ask Google for a higher quota on the page Quotas of the console, or use "
        "another region or size."
    ),
}


def explain(reply: Reply) -> CallError | None:
    """Return what an answer that is no success means, or None without an error."""
    error = reading.find(reply.data, "error")
    if not isinstance(error, Mapping):
        return _explain_text(reply.answer)
    reasons = [
        reading.text(each, "reason")
        for name in ("errors", "details")
        for each in reading.objects(error, name)
    ]
    reasons = [*filter(None, reasons), *filter(None, [reading.text(error, "status")])]
    message = reading.text(error, "message")
    if not (reasons or message):
        return None
    return make_error(
        reply.status, reasons, message, retry_after=reply.retry_after, prefix=NAME
    )


def explain_operation(operation: Mapping[str, Any]) -> CallError | None:
    """Return why an operation failed, or None if it did not."""
    errors = reading.objects(operation, "error", "errors")
    status = reading.whole(operation, "httpErrorStatusCode")
    if not errors and not status and not reading.fields(operation, "error"):
        return None
    codes = [code for each in errors if (code := reading.text(each, "code"))]
    message = " ".join(
        said for each in errors if (said := reading.text(each, "message"))
    ) or reading.text(operation, "httpErrorMessage")
    return make_error(status, codes, message, retry_after=None, prefix=NAME)


def make_error(
    status: int,
    reasons: list[str],
    message: str,
    *,
    retry_after: float | None,
    prefix: str,
) -> CallError:
    """Return the error for reasons or codes, and a message, of Google's."""
    meaning = find_meaning(status, reasons, message)
    named = reasons[0] if reasons else str(status)
    said = f"{prefix} answered {named[:80]}: {shorten(message).rstrip('.')}."
    found = " ".join([*reasons, message])
    if advice := next(
        (said for words, said in _ADVICE.items() if re.search(words, found)), ""
    ):
        said += f" {advice}"
    return meaning(said, retry_after=retry_after if _may_wait(meaning) else None)


def find_meaning(status: int, reasons: list[str], message: str) -> type[CallError]:
    """Return the error for a status (0: unknown), reasons and a message."""
    known = {_BY_REASON[reason] for reason in reasons if reason in _BY_REASON}
    if status == 404 or MissingError in known:
        return _weigh_missing(message)
    if status == 429:
        return ThrottledError
    if _QUOTA.search(message) and ThrottledError not in known and status != 401:
        return QuotaError
    for meaning in _ORDER:
        if meaning in known:
            return meaning
    if any("POOL_EXHAUSTED" in reason for reason in reasons):
        return NoCapacityError
    if status in {401, 403}:
        return CredentialsError
    if status in {408, 409} or not 400 <= status < 500:
        return UnknownOutcomeError
    return RefusedError


def _weigh_missing(message: str) -> type[CallError]:
    """Tell a missing instance from a missing project, where nothing is known to end."""
    found = _MISSING.search(message)
    if found is not None and _PROJECT.fullmatch(found[1]):
        return CredentialsError
    return MissingError


def _explain_text(answer: Answer) -> CallError | None:
    """Return what an answer without JSON means: a client's words for a 404, or None."""
    if answer.status != 404 or len(answer.body) > 10_000:
        return None
    words = answer.body.decode("utf-8", "replace")
    if _MISSING.search(words):
        return make_error(404, ["notFound"], words, retry_after=None, prefix=NAME)
    return None


def _may_wait(meaning: type[CallError]) -> bool:
    return meaning in {ThrottledError, UnknownOutcomeError}
