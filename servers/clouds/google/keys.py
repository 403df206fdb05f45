"""A service account's key: its JSON file, and the assertion that it signs.

The file names a token endpoint. Only Google's own and one of the account's endpoint are
used: an assertion is as good as a password for an hour, and must not go to an address
that somebody wrote into the file.

Source: Google's documentation, "Using OAuth 2.0 for Server to Server Applications", and
RFC 7523.
"""

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import rsa

from servers.outgoing import reading, signing

TOKEN_URL: Final = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
_TOKEN_URLS: Final = frozenset(
    {
        TOKEN_URL,
        "https://www.googleapis.com/oauth2/v4/token",
        "https://accounts.google.com/o/oauth2/token",
    }
)
# The second is for testing which rights a service account has.
_SCOPES: Final = (
    "https://www.googleapis.com/auth/compute "
    "https://www.googleapis.com/auth/cloud-platform.read-only"
)
SECONDS: Final = 3600  # that an assertion is valid


@dataclass(frozen=True, slots=True)
class ServiceKey:
    """A service account's key."""

    email: str
    project: str
    key_id: str
    token_url: str
    private_key: rsa.RSAPrivateKey = field(repr=False)


def read_key(text: str, endpoint: str) -> ServiceKey:
    """Return the key in a JSON file. Raise ValueError with a sentence for a person."""
    data = reading.parse_json(text.encode())
    kind = reading.text(data, "type")
    if not isinstance(data, dict) or kind != "service_account":
        what = f" It is of type {kind[:40]!r}." if kind else ""
        raise ValueError(
            "Service account key: enter the whole JSON file of a key of a service "
            f"account.{what}"
        )
    email = reading.text(data, "client_email")
    pem = reading.find(data, "private_key")
    if not re.fullmatch(r"[^@\s]{1,100}@[^@\s]{1,200}", email) or not isinstance(
        pem, str
    ):
        raise ValueError(
            "Service account key: client_email or private_key is missing. Enter the "
            "whole JSON file."
        )
    token_url = reading.text(data, "token_uri") or TOKEN_URL
    if token_url not in _TOKEN_URLS and not _belongs_to(token_url, endpoint):
        raise ValueError(
            "Service account key: its token_uri is not Google's. ServerFleet signs in "
            f"only at {TOKEN_URL} or at the account's own endpoint."
        )
    key = signing.read_rsa_key(pem)
    if key is None:
        raise ValueError(
            "Service account key: private_key can't be read. Enter the JSON file as "
            "Google created it."
        )
    return ServiceKey(
        email=email,
        project=reading.text(data, "project_id"),
        key_id=reading.text(data, "private_key_id"),
        token_url=token_url,
        private_key=key,
    )


def _belongs_to(url: str, endpoint: str) -> bool:
    """Tell whether a URL has the scheme, host and port of an endpoint."""
    try:
        given, own = urlsplit(url), urlsplit(endpoint)
        return bool(endpoint) and (given.scheme, given.netloc) == (
            own.scheme,
            own.netloc,
        )
    except ValueError:
        return False


def sign_assertion(key: ServiceKey, *, now: float) -> str:
    """Return a signed assertion of who the service account is (RFC 7523)."""
    claims = {
        "iss": key.email,
        "scope": _SCOPES,
        "aud": key.token_url,
        "iat": int(now),
        "exp": int(now) + SECONDS,
    }
    return signing.sign_assertion(key.private_key, claims, kid=key.key_id)
