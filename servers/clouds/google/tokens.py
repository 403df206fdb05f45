"""The access token of an account's calls: its service account's, or the machine's.

A service account's key signs an assertion, which Google's token endpoint exchanges for
a token that is valid for an hour. The machine's token comes from its metadata service,
on Compute Engine and on GKE.

Source: Google's documentation, "Using OAuth 2.0 for Server to Server Applications" and
"Authenticate workloads using service accounts".
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from servers.clouds.base import CloudConfig
from servers.clouds.google.errors import explain
from servers.clouds.google.keys import SECONDS, ServiceKey, read_key, sign_assertion
from servers.clouds.google.options import PROJECT
from servers.clouds.metadata import ask_metadata
from servers.outgoing import reading
from servers.outgoing.deadline import current_deadline
from servers.outgoing.errors import (
    CallError,
    ClockError,
    CredentialsError,
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)
from servers.outgoing.fields import Field
from servers.outgoing.lent import Lent, LentCache
from servers.outgoing.reply import Reply, shorten
from servers.outgoing.rest import RestClient
from servers.outgoing.skew import read_skew, say_clock

KEY: Final = "key"
MACHINE: Final = "machine"
SOURCES: Final = {
    KEY: "A service account's key",
    MACHINE: "The service account of the machine that ServerFleet runs on",
}
CREDENTIALS: Final = (
    Field(
        "source", "Credential source", "Default: a key.", choices=SOURCES, shown=True
    ),
    Field(
        "service_account_key",
        "Service account key",
        "The JSON file that Google creates for a key, as a whole.",
        only_with=KEY,
        required=True,
        secret=True,
    ),
    Field(
        "project",
        "Project id",
        "If empty, the project of the key or of the machine.",
        shown=True,
        pattern=PROJECT,
        like="acme-builds",
    ),
)
# Hosts that Google itself runs: also for Private Service Connect and by region.
_OWN_HOST: Final = re.compile(
    r"(?:www|compute|private|restricted|compute-[a-z0-9-]{1,63}\.p"
    r"|compute\.[a-z0-9-]{1,63}\.rep)\.googleapis\.com"
)
_METADATA: Final = "169.254.169.254"
# Google's own tools read it, too.
_METADATA_HOST: Final = "GCE_METADATA_HOST"
_FLAVOR: Final = {"Metadata-Flavor": "Google"}
_WHAT: Final = "Google's token endpoint"
_FURTHEST: Final = 300.0  # seconds of a wrong clock that Google forgives
_OAUTH_CODE: Final = re.compile("[a-z_]{3,40}")
_TIMES: Final = re.compile(r"\biat\b|\bexp\b|time ?frame|short-lived", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Token:
    """An access token, and the project of whoever it was issued to."""

    text: str = field(repr=False)
    project: str


_cache: Final = LentCache[Token]("The access token")


def find_token(config: CloudConfig) -> Token:
    """Return the token for an account's next call. Needs a surrounding ``Deadline``.

    Raises CredentialsError, ThrottledError, ClockError or UnreachableError: the call
    itself was not sent.
    """
    deadline = current_deadline()
    try:
        return _cache.find(
            _digest(config), lambda: _fetch(config), wait=deadline.remaining()
        )
    except (TimeoutError, UnknownOutcomeError) as error:
        # Only the token endpoint was asked for anything.
        raise UnreachableError(str(error)) from None


def forget_token(config: CloudConfig) -> None:
    """Fetch a new token at the next call."""
    _cache.forget(_digest(config))


def check_credentials(given: Mapping[str, str], endpoint: str) -> str:
    """Return what is wrong with credentials that are valid one by one, or ""."""
    text = given.get("service_account_key", "")
    if given.get("source") == MACHINE:
        if text:
            return "The machine's service account needs no key. Remove the key."
        if endpoint and not is_own_host(endpoint):
            return (
                "The machine's token is sent only to Google. Leave the endpoint empty, "
                "or use a key."
            )
        return ""
    if not text:
        return "Service account key is missing."
    try:
        read_key(text, endpoint)
    except ValueError as error:
        return str(error)
    return ""


def is_own_host(url: str) -> bool:
    """Tell whether an endpoint is Google's own, over HTTPS."""
    parts = urlsplit(url)
    return parts.scheme == "https" and bool(_OWN_HOST.fullmatch(parts.hostname or ""))


def _digest(config: CloudConfig) -> bytes:
    # A digest, so that the cache's keys contain no secret.
    parts = [config.account_id, config.endpoint, dict(config.credentials)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()


def _fetch(config: CloudConfig) -> Lent[Token]:
    if config.credentials.get("source") == MACHINE:
        return _fetch_machine_token()
    try:
        key = read_key(
            config.credentials.get("service_account_key", ""), config.endpoint
        )
    except ValueError as error:
        raise CredentialsError(str(error)) from None
    return _exchange(key, now=time.time())


def _exchange(key: ServiceKey, *, now: float) -> Lent[Token]:
    assertion = sign_assertion(key, now=now)
    client = RestClient(_WHAT, key.token_url, explain=explain_refusal)
    reply = client.ask(
        "POST",
        "",
        body=urlencode(
            {
                "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
                "assertion": assertion,
            }
        ),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        hide=(assertion,),
    )
    return _read_token(reply.data, _WHAT, key.project)


def explain_refusal(reply: Reply) -> CallError | None:
    """Return what a refusal of the token endpoint means."""
    code = reading.text(reply.data, "error")
    if not _OAUTH_CODE.fullmatch(code):
        return explain(reply)  # worded as Google's other APIs do, or nothing
    if reply.status >= 500:
        return None
    words = shorten(reading.text(reply.data, "error_description")).rstrip(".")
    said = f"{_WHAT} answered {code}: {words or 'no reason'}."
    if reply.status == 429:
        return ThrottledError(said, retry_after=reply.retry_after)
    skew = read_skew(reply.headers.get("Date", ""))
    off = skew is not None and abs(skew) > _FURTHEST
    if off or _TIMES.search(words):
        return ClockError(f"{said} {say_clock(skew if off else None)}")
    if "account not found" in words.lower():
        advice = "The service account no longer exists. Use a key of another one."
    elif "disabled" in words.lower():
        advice = "Enable the service account or its key in the console."
    else:
        advice = (
            "The key was deleted, has expired or is not whole. Create a new key for "
            "the service account, and enter its JSON file."
        )
    return CredentialsError(f"{said} {advice}")


def _fetch_machine_token() -> Lent[Token]:
    base = "/computeMetadata/v1"
    token = _ask_machine(f"{base}/instance/service-accounts/default/token")
    project = _ask_machine(f"{base}/project/project-id")
    what = "The metadata service"
    return _read_token(reading.parse_json(token.encode()), what, project.strip())


def _ask_machine(path: str) -> str:
    host = os.environ.get(_METADATA_HOST) or _METADATA
    what = "Google's metadata service"
    status, headers, body = ask_metadata(
        f"http://{host}{path}",
        current_deadline(),
        what=what,
        headers=_FLAVOR,
        advice="So this machine's service account is unknown. It answers only on "
        "Google Cloud.",
    )
    if headers.get("metadata-flavor") != "Google":
        raise CredentialsError(
            f"What answers at {quote(host)} is not Google's metadata service. This "
            "machine has no service account. Use a key."
        )
    if status == 404:
        raise CredentialsError(
            "This machine has no service account. Attach one to it, or use a key."
        )
    if status != 200:
        raise UnreachableError(f"{what} answered {status}.")
    return body


def _read_token(data: Any, what: str, project: str) -> Lent[Token]:
    token = reading.find(data, "access_token")
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]{1,4096}", token):
        raise UnreachableError(f"{what} answered without a token.")
    seconds = reading.number(data, "expires_in")
    ends = time.time() + (SECONDS if seconds is None else seconds)
    return Lent(Token(token, project), ends)
