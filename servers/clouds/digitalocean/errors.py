"""DigitalOcean's errors, each mapped to the error of the port with its meaning.

The API has one code for each HTTP status. Quota, lack of capacity and a Droplet that is
busy are all ``unprocessable_entity``, and differ in their words only.

Source: the DigitalOcean API reference, and messages quoted in public issues.
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

NAME: Final = "DigitalOcean"

# In this order: the first whose words are in a message says what a refusal means.
WORDS: Final[tuple[tuple[re.Pattern[str], type[CallError]], ...]] = (
    (re.compile(r"pending event|is (?:currently )?locked"), UnknownOutcomeError),
    (re.compile(r"exceed your .{0,40}limit|droplet limit"), QuotaError),
    (
        re.compile(
            r"(?:size|region|plan) is (?:currently |temporarily )?(?:not available|"
            r"unavailable)|size is not available|capacity|sold out"
        ),
        NoCapacityError,
    ),
)
_BY_CODE: Final[dict[str, type[CallError]]] = {
    "unauthorized": CredentialsError,
    "forbidden": CredentialsError,
    "not_found": MissingError,
    "too_many_requests": ThrottledError,
    # A Droplet that does something else, or an action at the same time.
    "conflict": UnknownOutcomeError,
    "server_error": UnknownOutcomeError,
    "service_unavailable": UnknownOutcomeError,
}
_BY_STATUS: Final[dict[int, type[CallError]]] = {
    401: CredentialsError,
    403: CredentialsError,
    404: MissingError,
    408: UnknownOutcomeError,
    409: UnknownOutcomeError,
    423: UnknownOutcomeError,
    429: ThrottledError,
}
_SIGN_IN_ADVICE: Final = (
    "The token is unknown: it ended, was deleted or was not copied whole. Create one "
    "under API, Tokens in the control panel, and enter it in the account."
)
_RIGHTS_ADVICE: Final = (
    "The token lacks a scope for this call. Create one with the scopes that the guide "
    "page lists, or with full access."
)
_ADVICE: Final[dict[type[CallError], str]] = {
    QuotaError: (
        "The account's limit is reached. Ask DigitalOcean for a higher one, or destroy "
        "what is not needed."
    ),
    NoCapacityError: "Another region or size may work.",
}
# Some calls are free again each minute, so that waiting for the oldest call of the
# hour, which ratelimit-reset names, can be far too long.
_MOST_WAIT: Final = 60.0


def explain(reply: Reply) -> CallError | None:
    """Return what an answer that is no success means, or None without a code."""
    code = reading.text(reply.data, "id")
    words = shorten(reading.text(reply.data, "message"))
    if not code and not (words and reply.status in _BY_STATUS):
        return None
    meaning = _find_meaning(reply.status, code, words)
    said = f"{NAME} answered {code[:60] or reply.status}"
    # Words without a code may be those of any other service.
    said += f": {words.rstrip('.')}." if code else "."
    advice = _ADVICE.get(meaning, "")
    if meaning is CredentialsError:
        known = reply.status != 401 and code != "unauthorized"
        advice = _RIGHTS_ADVICE if known else _SIGN_IN_ADVICE
    # The reset is often past already. Then it tells nothing.
    wait = reply.find_wait("ratelimit-reset", most=_MOST_WAIT) or reply.retry_after
    return meaning(
        f"{said} {advice}".rstrip(),
        retry_after=wait if meaning is ThrottledError else None,
    )


def _find_meaning(status: int, code: str, words: str) -> type[CallError]:
    if status >= 500:
        return UnknownOutcomeError
    # The status is surer than the code, which may be empty or new.
    if meaning := _BY_STATUS.get(status) or _BY_CODE.get(code):
        return meaning
    lower = words.lower()
    for pattern, meaning in WORDS:
        if pattern.search(lower):
            return meaning
    return RefusedError if 400 <= status < 500 else UnknownOutcomeError
