"""The access token of an account's calls: a service principal's, or the machine's.

A service principal signs in at Microsoft Entra ID with its secret. A machine on Azure
gets the token of its managed identity from its metadata service.

Source: Microsoft's documentation, "OAuth 2.0 client credentials flow", "How to use
managed identities to acquire an access token" and "Microsoft Entra error codes".
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

from servers.clouds.azure.options import UUID
from servers.clouds.azure.places import Place, find_place, is_own
from servers.clouds.base import CloudConfig
from servers.clouds.metadata import ask_metadata
from servers.outgoing import reading
from servers.outgoing.deadline import current_deadline
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)
from servers.outgoing.fields import Field
from servers.outgoing.lent import Lent, LentCache
from servers.outgoing.reply import Reply, shorten
from servers.outgoing.rest import RestClient

PRINCIPAL: Final = "principal"
MACHINE: Final = "machine"
SOURCES: Final = {
    PRINCIPAL: "A service principal with a secret",
    MACHINE: "The managed identity of the machine that ServerFleet runs on",
}
_TENANT: Final = rf"{UUID}|[A-Za-z0-9-]{{1,63}}(?:\.[A-Za-z0-9-]{{1,63}}){{1,5}}"
_ID_LIKE: Final = "11111111-2222-3333-4444-555555555555"
CREDENTIALS: Final = (
    Field(
        "source",
        "Credential source",
        "Default: a service principal.",
        choices=SOURCES,
        shown=True,
    ),
    Field(
        "subscription",
        "Subscription id",
        "The subscription that is billed.",
        required=True,
        shown=True,
        pattern=UUID,
        like=_ID_LIKE,
    ),
    Field(
        "tenant",
        "Tenant id",
        "The directory that the service principal belongs to.",
        only_with=PRINCIPAL,
        required=True,
        shown=True,
        pattern=_TENANT,
        like=_ID_LIKE,
    ),
    Field(
        "client_id",
        "Client id",
        "The application's id. With a managed identity, needed only if the machine has "
        "several.",
        shown=True,
        pattern=UUID,
        like=_ID_LIKE,
    ),
    Field(
        "client_secret",
        "Client secret",
        "The secret's value, not its id.",
        only_with=PRINCIPAL,
        required=True,
        secret=True,
    ),
)
_METADATA: Final = "http://169.254.169.254"
# Microsoft's own tools read it, too.
_METADATA_HOST: Final = "AZURE_POD_IDENTITY_AUTHORITY_HOST"
_WHAT: Final = "Microsoft Entra ID"
_SECONDS: Final = 3600.0  # that a token is valid, if its answer does not say it
_OAUTH_CODE: Final = re.compile("[a-z_]{3,40}")
_CODE: Final = re.compile(r"AADSTS[0-9]{4,9}")
_TRACE: Final = re.compile(r"\s*(?:Trace ID|Correlation ID|Timestamp):.*", re.DOTALL)
_ADVICE: Final = {
    "AADSTS7000222": (
        "The client secret has expired. Create a new one, and enter its value."
    ),
    "AADSTS7000215": (
        "The client secret is wrong. Enter the secret's value, not its id."
    ),
    "AADSTS700016": "The tenant has no such application. Correct the client id.",
    "AADSTS90002": "There is no such tenant. Correct the tenant.",
    "AADSTS900023": "There is no such tenant. Correct the tenant.",
    "AADSTS7000112": "The application is disabled. Enable it in Microsoft Entra ID.",
    "AADSTS53003": "A policy for conditional access blocks the sign-in.",
}


@dataclass(frozen=True, slots=True)
class Token:
    """An access token."""

    text: str = field(repr=False)


_cache: Final = LentCache[Token]("The access token")


def find_token(config: CloudConfig) -> Token:
    """Return the token for an account's next call. Needs a surrounding ``Deadline``.

    Raises CredentialsError, ThrottledError or UnreachableError: the call itself was not
    sent.
    """
    deadline = current_deadline()
    try:
        return _cache.find(
            _digest(config), lambda: _fetch(config), wait=deadline.remaining()
        )
    except (TimeoutError, UnknownOutcomeError) as error:
        # Only the token endpoint was asked for anything.
        raise UnreachableError(str(error)) from None


def forget_token(config: CloudConfig, rejected: Token) -> None:
    """Fetch a new token at the next call, since Azure rejects this one."""
    _cache.forget(_digest(config), rejected=rejected)


def check_credentials(given: Mapping[str, str], endpoint: str) -> str:
    """Return what is wrong with credentials that are valid one by one, or ""."""
    if not given.get("subscription"):
        return "Subscription id is missing."
    if given.get("source") == MACHINE:
        if given.get("client_secret") or given.get("tenant"):
            return (
                "A managed identity needs no tenant and no client secret. Remove them."
            )
        if endpoint and not is_own(endpoint):
            return (
                "The managed identity's token is sent only to Microsoft. Leave the "
                "endpoint empty, or use a service principal."
            )
        return ""
    for each in CREDENTIALS:
        named = each.name in {"tenant", "client_id", "client_secret"}
        if named and not given.get(each.name):
            return f"{each.label} is missing."
    return ""


def _digest(config: CloudConfig) -> bytes:
    # A digest, so that the cache's keys contain no secret.
    parts = [
        config.account_id,
        config.endpoint,
        str(config.options.get("cloud") or ""),
        dict(config.credentials),
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()


def _fetch(config: CloudConfig) -> Lent[Token]:
    if wrong := check_credentials(config.credentials, config.endpoint):
        raise CredentialsError(wrong)
    place = find_place(config)
    if config.credentials.get("source") == MACHINE:
        return _fetch_machine_token(place, config.credentials.get("client_id", ""))
    return _sign_in(place, config.credentials)


def _sign_in(place: Place, given: Mapping[str, str]) -> Lent[Token]:
    secret = given["client_secret"]
    client = RestClient(
        _WHAT, place.login, secrets=(secret, quote(secret)), explain=explain_refusal
    )
    reply = client.ask(
        "POST",
        f"{client.join_path(given['tenant'])}/oauth2/v2.0/token",
        body=urlencode(
            {
                "grant_type": "client_credentials",
                "client_id": given["client_id"],
                "client_secret": secret,
                "scope": f"{place.resource}.default",
            }
        ),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    return read_token(reply.data, _WHAT)


def explain_refusal(reply: Reply) -> CallError | None:
    """Return what a refusal of the token endpoint means, or None if it names none."""
    code = reading.text(reply.data, "error")
    if not _OAUTH_CODE.fullmatch(code) or reply.status >= 500:
        return None
    described = reading.find(reply.data, "error_description")
    words = described if isinstance(described, str) else ""
    number = found[0] if (found := _CODE.search(words)) else ""
    # Only Microsoft numbers its errors. What another service says is not quoted.
    words = shorten(_TRACE.sub("", words)).rstrip(".") if number else ""
    said = f"{_WHAT} answered {code}: {words or 'no reason'}."
    if reply.status == 429 or code == "temporarily_unavailable":
        return ThrottledError(said, retry_after=reply.retry_after)
    advice = _ADVICE.get(
        number, "Check the tenant, the client id and the client secret."
    )
    return CredentialsError(f"{said} {advice}")


def _fetch_machine_token(place: Place, client_id: str) -> Lent[Token]:
    host = os.environ.get(_METADATA_HOST) or _METADATA
    query = {"api-version": "2018-02-01", "resource": place.resource}
    if client_id:
        query["client_id"] = client_id
    what = "Azure's metadata service"
    status, _, body = ask_metadata(
        f"{host.rstrip('/')}/metadata/identity/oauth2/token?{urlencode(query)}",
        current_deadline(),
        what=what,
        headers={"Metadata": "true"},
        advice="So this machine's managed identity is unknown. It answers only on "
        "Azure.",
    )
    data = reading.parse_json(body.encode())
    if status == 400:
        words = shorten(reading.text(data, "error_description")).rstrip(".")
        raise CredentialsError(
            f"{what} answered {words or 'that there is no identity'}. Assign a managed "
            "identity to this machine, enter the client id if it has several, or use a "
            "service principal."
        )
    if status == 429:
        raise ThrottledError(f"{what} answered 429.")
    if status != 200:
        raise UnreachableError(f"{what} answered {status}.")
    return read_token(data, what)


def read_token(data: Any, what: str) -> Lent[Token]:
    """Return the token of an answer. Its numbers may be texts."""
    token = reading.find(data, "access_token")
    if not isinstance(token, str) or not re.fullmatch(r"[!-~]{1,16384}", token):
        raise UnreachableError(f"{what} answered without a token.")
    seconds = reading.number(data, "expires_in")
    if seconds is not None:
        return Lent(Token(token), time.time() + seconds)
    ends = reading.number(data, "expires_on")
    return Lent(Token(token), time.time() + _SECONDS if ends is None else ends)
