"""The role of the machine that ServerFleet runs on, as AWS provides it there.

There are three sources, in the order of AWS's own tools: a token file that STS
exchanges (EKS, or any identity provider that the role trusts), the container's endpoint
(ECS, EKS Pod Identity), and the instance's metadata service, version 2. They are found
by the variables that AWS itself sets. Accounts' endpoints, proxies and redirects can't
lead to those addresses.

Source: AWS SDKs and Tools Reference Guide, "Standardized credential providers".
"""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from xml.etree import ElementTree

from servers.clouds.amazon.connection import Keys, call_unsigned, sts_of
from servers.clouds.metadata import ask_metadata
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import CredentialsError, UnreachableError
from servers.outgoing.lent import Lent

_METADATA: Final = "http://169.254.169.254"
_METADATA_IPV6: Final = "http://[fd00:ec2::254]"
_CONTAINER: Final = "http://169.254.170.2"
# Hosts from which a container's keys may be fetched without TLS. Source: same guide.
_PLAIN_HOSTS: Final = frozenset(
    {"169.254.170.2", "169.254.170.23", "fd00:ec2::23", "127.0.0.1", "::1", "localhost"}
)
_TOKEN: Final = "/latest/api/token"  # noqa: S105 - a path
_ROLES: Final = "/latest/meta-data/iam/security-credentials/"
_TOKEN_SECONDS: Final = "300"  # noqa: S105 - a time
# Each contains the path of a file.
_WEB_TOKEN_FILE: Final = "AWS_WEB_IDENTITY_TOKEN_FILE"  # noqa: S105
_CONTAINER_TOKEN_FILE: Final = "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"  # noqa: S105


def fetch_machine_keys(deadline: Deadline, *, region: str) -> Lent[Keys]:
    """Return the keys of this machine's role.

    Raises CredentialsError (there is no role, or it is refused) or UnreachableError.
    """
    env = os.environ
    if env.get(_WEB_TOKEN_FILE) and env.get("AWS_ROLE_ARN"):
        return _exchange_token(region)
    relative = env.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    full = env.get("AWS_CONTAINER_CREDENTIALS_FULL_URI")
    if relative or full:
        return _ask_container(
            f"{_CONTAINER}{relative}" if relative else str(full), deadline
        )
    return _ask_metadata(deadline)


def read_sts_keys(answer: ElementTree.Element) -> Lent[Keys]:
    """Return the keys in an answer from STS."""
    found = next(answer.iter("Credentials"), None)
    if found is None:
        raise UnreachableError("AWS STS answered without keys.")
    keys = {element.tag: (element.text or "").strip() for element in found}
    return _read_keys({**keys, "Token": keys.get("SessionToken")}, "AWS STS")


def _read_token(path: str, variable: str) -> str:
    try:
        return Path(path).read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise CredentialsError(
            f"The token file {path[:200]}, set in {variable}, can't be read."
        ) from None


def _exchange_token(region: str) -> Lent[Keys]:
    env = os.environ
    token = _read_token(env[_WEB_TOKEN_FILE], _WEB_TOKEN_FILE)
    answer = call_unsigned(
        sts_of(env.get("AWS_REGION") or region),
        {
            "Action": "AssumeRoleWithWebIdentity",
            "RoleArn": env["AWS_ROLE_ARN"],
            "RoleSessionName": env.get("AWS_ROLE_SESSION_NAME") or "serverfleet",
            "WebIdentityToken": token,
        },
    )
    return read_sts_keys(answer)


def _ask_container(url: str, deadline: Deadline) -> Lent[Keys]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme != "https" and host not in _PLAIN_HOSTS:
        raise CredentialsError(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI names a host that is neither this "
            "machine nor reached over HTTPS, so no keys are fetched from it."
        )
    env, headers = os.environ, {}
    token = env.get("AWS_CONTAINER_AUTHORIZATION_TOKEN", "")
    if path := env.get(_CONTAINER_TOKEN_FILE):
        token = _read_token(path, _CONTAINER_TOKEN_FILE)
    if token:
        headers["Authorization"] = token
    what = "The container's credentials endpoint"
    status, body = _ask(url, deadline, what=what, headers=headers)
    if status != 200:
        raise CredentialsError(f"{what} refused to provide keys ({status}).")
    return _read_keys(_parse(body, what), what)


def _ask_metadata(deadline: Deadline) -> Lent[Keys]:
    env = os.environ
    if env.get("AWS_EC2_METADATA_DISABLED", "").lower() == "true":
        raise CredentialsError(
            "This machine's role is not used because AWS_EC2_METADATA_DISABLED is true."
        )
    ipv6 = env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "").lower() == "ipv6"
    base = env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT") or (
        _METADATA_IPV6 if ipv6 else _METADATA
    )
    base = base.rstrip("/")
    what = "The EC2 metadata service"
    status, session = _ask(
        f"{base}{_TOKEN}",
        deadline,
        what=what,
        method="PUT",
        headers={"X-aws-ec2-metadata-token-ttl-seconds": _TOKEN_SECONDS},
    )
    if status != 200:
        raise CredentialsError(
            f"{what} opened no session ({status}). Enable it for this instance."
        )
    headers = {"X-aws-ec2-metadata-token": session.strip()}
    status, names = _ask(f"{base}{_ROLES}", deadline, what=what, headers=headers)
    role = names.strip().partition("\n")[0].strip()
    if status == 404 or not role:
        raise CredentialsError(
            "This machine has no role. Attach an instance profile to it."
        )
    status, body = _ask(f"{base}{_ROLES}{role}", deadline, what=what, headers=headers)
    if status != 200:
        raise CredentialsError(f"{what} provided no keys for {role[:100]} ({status}).")
    return _read_keys(_parse(body, what), what)


def _parse(body: str, what: str) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UnreachableError(f"{what} returned an unreadable answer.")
    return found


def _read_keys(found: dict[str, Any], what: str) -> Lent[Keys]:
    code = found.get("Code", "Success")
    if code != "Success":
        raise CredentialsError(f"{what} provided no keys: {str(code)[:100]}.")
    names = ("AccessKeyId", "SecretAccessKey", "Token")
    texts = [found.get(name) or "" for name in names]
    if not all(isinstance(text, str) for text in texts) or not all(texts[:2]):
        raise UnreachableError(f"{what} answered without keys.")
    try:
        ends = datetime.fromisoformat(str(found["Expiration"])).timestamp()
    except (KeyError, ValueError, OverflowError):
        ends = float("inf")
    return Lent(Keys(*texts), ends)


def _ask(
    url: str,
    deadline: Deadline,
    *,
    what: str,
    method: str = "GET",
    headers: dict[str, str] | None = None,
) -> tuple[int, str]:
    """Send one request directly, and return its status and body."""
    status, _, body = ask_metadata(
        url,
        deadline,
        what=what,
        method=method,
        headers=headers,
        advice="So this machine's role is unknown. It answers only on AWS. A container "
        "on an instance needs a hop limit of at least 2.",
    )
    return status, body
