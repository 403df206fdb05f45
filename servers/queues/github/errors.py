"""What GitHub's errors mean.

Source: GitHub's REST documentation, "Rate limits", "Best practices" and
"Troubleshooting the REST API".
"""

import re
from typing import Final

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

NAME: Final = "GitHub"
RESET: Final = "X-RateLimit-Reset"
REMAINING: Final = "X-RateLimit-Remaining"
# What GitHub asks for if it tells no time.
_LEAST_WAIT: Final = 60.0
_LIMITS: Final = re.compile(r"rate limit|abuse detection", re.IGNORECASE)
_PERMISSIONS: Final = re.compile(r"[a-z_=,; ]{1,200}")


def explain(reply: Reply) -> CallError | None:
    """Return what an answer that is no success means, or None if it is not GitHub's."""
    words = reading.text(reply.data, "message")
    said = f"{NAME} answered {reply.status}: {shorten(words).rstrip('.')}."
    if reply.status in {301, 307}:
        return RefusedError(
            f"{NAME} answered {reply.status}: the repository or organization was "
            "renamed or moved. Enter its new name."
        )
    if not words:
        return None
    if reply.status in {403, 429} and _is_throttled(reply, words):
        wait = reply.find_wait(RESET)
        return ThrottledError(said, retry_after=_LEAST_WAIT if wait is None else wait)
    if reply.status == 401:
        return CredentialsError(
            f"{said} The token is unknown, expired or revoked. Enter another one."
        )
    if reply.status == 403:
        return CredentialsError(f"{said} {_advise(reply, words)}")
    if reply.status == 404:
        return MissingError(
            f"{said} There is no such repository or organization, or the token "
            "can't read it: GitHub doesn't say which. Check the name, and "
            "which repositories the token or the App may read."
        )
    if reply.status in {400, 410, 422, 451}:
        return RefusedError(said)
    if reply.status == 409:
        # What was asked for may be there already, such as by a lost first answer.
        return UnknownOutcomeError(said)
    return None


def _is_throttled(reply: Reply, words: str) -> bool:
    return (
        reply.status == 429
        or reply.headers.get(REMAINING) == "0"
        or "Retry-After" in reply.headers
        or bool(_LIMITS.search(words))
    )


def _advise(reply: Reply, words: str) -> str:
    if reply.headers.get("X-GitHub-SSO", "").startswith("required"):
        return (
            "The organization requires single sign-on. Authorize the token for it "
            "under Configure SSO, in the list of your tokens."
        )
    if "suspended" in words:
        return "Unsuspend the App's installation, or enter a token."
    accepted = reply.headers.get("X-Accepted-GitHub-Permissions", "")
    needs = f" It needs {accepted}." if _PERMISSIONS.fullmatch(accepted) else ""
    return f"The token or the App lacks a permission.{needs}"
