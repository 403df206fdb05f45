"""Google's token endpoint: it checks a signed assertion as Google does."""

import base64
import json
import time
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.clouds.fakes.wire import Request, Response

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/compute"


@lru_cache
def private_key() -> rsa.RSAPrivateKey:
    """Return the key of all service accounts in the tests."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@lru_cache
def private_pem() -> str:
    """Return it as the JSON file holds it."""
    return (
        private_key()
        .private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        .decode()
    )


def make_key_file(token: str, *, project: str, token_uri: str, **more: Any) -> str:
    """Return the JSON file of a key, as Google creates it."""
    return json.dumps(
        {
            "type": "service_account",
            "project_id": project,
            "private_key_id": "0123456789abcdef",
            "private_key": private_pem(),
            "client_email": f"{token}@{project}.iam.gserviceaccount.com",
            "client_id": "100000000000000000000",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": token_uri,
            "universe_domain": "googleapis.com",
            **more,
        },
        indent=2,
    )


def exchange(request: Request, *, audience: str, known: Any) -> Response:
    """Return an access token for an assertion, or why there is none.

    The token is named as the service account, before the @.
    """
    form = parse_qs(request.body.decode())
    if form.get("grant_type") != [GRANT]:
        return refuse("unsupported_grant_type", "Invalid grant_type")
    head, claims, signature = form["assertion"][0].split(".")
    try:
        private_key().public_key().verify(
            _decode(signature),
            f"{head}.{claims}".encode(),
            padding.PKCS1v15(),
            SHA256(),
        )
    except InvalidSignature:
        return refuse("invalid_grant", "Invalid JWT Signature.")
    said = json.loads(_decode(claims))
    now = time.time()
    if json.loads(_decode(head))["alg"] != "RS256" or said["aud"] != audience:
        return refuse("invalid_grant", "Invalid JWT: Failed audience check.")
    if not said["iat"] - 300 <= now <= said["exp"] <= said["iat"] + 3600:
        return refuse(
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a "
            "reasonable timeframe. Check your iat and exp values in the JWT claim.",
        )
    if SCOPE not in said["scope"].split():
        return refuse("invalid_scope", "Invalid OAuth scope or ID token audience.")
    token = said["iss"].partition("@")[0]
    if token not in known:
        return refuse("invalid_grant", "Invalid grant: account not found")
    answer = {"access_token": token, "expires_in": 3599, "token_type": "Bearer"}
    return Response(200, answer)


def refuse(error: str, description: str) -> Response:
    return Response(400, {"error": error, "error_description": description})


def _decode(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
