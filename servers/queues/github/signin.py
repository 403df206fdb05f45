"""The token of a queue's calls: a person's, or one that an App's installation gets.

An App signs an assertion with its private key, and exchanges it for a token that is
valid for an hour.

Source: GitHub's documentation, "Generating a JSON Web Token (JWT) for a GitHub App" and
"Generating an installation access token".
"""

import hashlib
import json
import re
import time
from typing import Final

from servers.outgoing import reading
from servers.outgoing.deadline import current_deadline
from servers.outgoing.errors import (
    CallError,
    ClockError,
    CredentialsError,
    UnknownOutcomeError,
)
from servers.outgoing.lent import Lent, LentCache
from servers.outgoing.reply import Reply, need_text
from servers.outgoing.rest import RestClient
from servers.outgoing.signing import read_rsa_key, sign_assertion
from servers.outgoing.skew import read_skew, say_clock
from servers.queues.authorization import read_token
from servers.queues.base import QueueConfig
from servers.queues.github.errors import NAME, explain
from servers.queues.github.options import read_repositories

HEADERS: Final = {
    "Accept": "application/vnd.github+json",
    "X-GitHub-Api-Version": "2022-11-28",
}
_SECONDS: Final = 540  # that an assertion is valid: at most 600
_EARLY: Final = 60  # against clocks that differ a little
_HOUR: Final = 3600.0
_FURTHEST: Final = 60.0  # seconds of a wrong clock
_TIMES: Final = re.compile(r"\biat\b|\bexp\b", re.IGNORECASE)

_cache: Final = LentCache[str]("The installation's token")


def digest(config: QueueConfig) -> str:
    """Return what names a queue's address and credentials, without a secret."""
    parts = [config.url, dict(config.credentials), dict(config.options)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def find_token(config: QueueConfig) -> str:
    """Return the token for the next calls. Needs a surrounding ``Deadline``."""
    if token := read_token(config.credentials):
        return token
    return _cache.find(
        digest(config).encode(),
        lambda: _fetch(config, now=time.time()),
        wait=current_deadline().remaining(),
    )


def forget_token(config: QueueConfig, token: str) -> None:
    """Fetch another token at the next call, since this one is refused."""
    _cache.forget(digest(config).encode(), rejected=token)


def _fetch(config: QueueConfig, *, now: float) -> Lent[str]:
    key = read_rsa_key(config.credentials.get("private_key", ""))
    if key is None:
        raise CredentialsError("The App's private key can't be read. Enter it again.")
    claims = {
        "iss": config.credentials.get("app_id", ""),
        "iat": int(now) - _EARLY,
        "exp": int(now) + _SECONDS,
    }
    assertion = sign_assertion(key, claims)
    client = RestClient(
        NAME,
        config.url,
        {**HEADERS, "Authorization": f"Bearer {assertion}"},
        (assertion,),
        _explain,
    )
    organization = str(config.options.get("organization") or "")
    if organization:
        owner = client.join_path("orgs", organization)
    else:
        owner = client.join_path("repos", *_find_first(config).split("/"))
    found = client.ask("GET", f"{owner}/installation").need_object()
    number = need_text(found, "id", what=NAME)
    path = client.join_path("app", "installations", number, "access_tokens")
    lent = client.ask("POST", path).need_object()
    token = reading.text(lent, "token")
    if not re.fullmatch(r"[!-~]{1,4096}", token):
        raise UnknownOutcomeError(f"{NAME} answered without a token.")
    return Lent(token, reading.instant(lent, "expires_at") or now + _HOUR)


def _find_first(config: QueueConfig) -> str:
    """Return a repository where the App must be installed."""
    names = read_repositories(config.options)
    if len({name.partition("/")[0].lower() for name in names}) > 1:
        raise CredentialsError(
            "A GitHub App signs in to one owner's repositories. Create a queue for "
            "each owner."
        )
    return names[0]


def _explain(reply: Reply) -> CallError | None:
    words = reading.text(reply.data, "message")
    if reply.status == 401 and words:
        skew = read_skew(reply.headers.get("Date", ""))
        off = skew is not None and abs(skew) > _FURTHEST
        if off or _TIMES.search(words):
            return ClockError(
                f"{NAME} answered 401. {say_clock(skew if off else None)}"
            )
        return CredentialsError(
            f"{NAME} answered 401. The App's ID and its private key don't belong "
            "together, or the key was deleted. Create another key, and enter both."
        )
    if reply.status == 404 and words:
        return CredentialsError(
            f"{NAME} answered 404. The App is not installed for this organization or "
            "these repositories. Install it on the App's page, under Install App."
        )
    return explain(reply)
