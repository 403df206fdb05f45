"""Sign in at Keystone, and find the services in its catalogue.

One token serves all threads and regions of an account in this process, until it
expires or a service rejects it. It stays in memory.

Source: the Identity API v3 reference, "Authentication and token management".
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from servers.clouds.base import CloudConfig
from servers.clouds.openstack.errors import NAME, explain_keystone
from servers.clouds.openstack.options import APPLICATION
from servers.outgoing import reading
from servers.outgoing.deadline import current_deadline
from servers.outgoing.errors import (
    CredentialsError,
    UnknownOutcomeError,
    UnreachableError,
)
from servers.outgoing.lent import Lent, LentCache
from servers.outgoing.reply import Reply
from servers.outgoing.rest import RestClient

# The types of a service in the catalogue, the usual one first, and what its address
# ends with if it names no version.
SERVICES: Final = {
    "compute": (("compute",), "/v2.1"),
    "network": (("network",), "/v2.0"),
    "image": (("image",), "/v2"),
    "volume": (("volumev3", "block-storage", "volumev2", "volume"), ""),
}
_VERSIONED: Final = re.compile(r"/v[0-9]")
_ID: Final = re.compile(r"[0-9a-f]{32}|default")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One address of a service."""

    service: str  # the type: compute, network …
    region: str
    interface: str
    url: str


@dataclass(frozen=True, slots=True)
class Token:
    """A token of one project, and the catalogue that came with it."""

    value: str = field(repr=False)
    project: str
    roles: frozenset[str] = frozenset()
    endpoints: tuple[Endpoint, ...] = ()

    def find_url(self, service: str, *, region: str, interface: str) -> str:
        """Return the address of a service in a region, or "" if it has none there."""
        types, version = SERVICES[service]
        for kind in types:
            for each in self.endpoints:
                if (each.service, each.region, each.interface) == (
                    kind,
                    region,
                    interface,
                ):
                    url = each.url.rstrip("/")
                    path = urlsplit(url).path
                    return url if _VERSIONED.search(path) else f"{url}{version}"
        return ""

    def list_regions(self) -> list[str]:
        """Return the regions that have Nova."""
        found = {each.region for each in self.endpoints if each.service == "compute"}
        return sorted(found)


_cache: Final = LentCache[Token]("Keystone's token")


def find_token(config: CloudConfig) -> Token:
    """Return a valid token. Sign in if there is none.

    Needs a surrounding ``Deadline``. Raises CredentialsError, ThrottledError,
    UnreachableError or UnknownOutcomeError: no service but Keystone was called.
    """
    deadline = current_deadline()
    try:
        return _cache.find(
            _digest(config), lambda: _sign_in(config), wait=deadline.remaining()
        )
    except TimeoutError as error:
        raise UnreachableError(str(error)) from None


def forget_token(config: CloudConfig, rejected: Token) -> None:
    """Sign in anew at the next call, unless another thread did already."""
    _cache.forget(_digest(config), rejected=rejected)


def list_secrets(config: CloudConfig) -> tuple[str, ...]:
    """Return the secrets among an account's credentials."""
    given = config.credentials
    names = ("application_credential_secret", "password")
    return tuple(given[name] for name in names if given.get(name))


def build_auth(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the body of a sign-in."""
    if (given.get("method") or APPLICATION) == APPLICATION:
        credential = {
            "id": given.get("application_credential_id", ""),
            "secret": given.get("application_credential_secret", ""),
        }
        identity = {
            "methods": ["application_credential"],
            "application_credential": credential,
        }
        # It belongs to one project, so that it takes no scope.
        return {"auth": {"identity": identity}}
    domain = given.get("user_domain") or "default"
    user = {**_name(given.get("username", "")), "password": given.get("password", "")}
    if "name" in user:
        user["domain"] = _name(domain)
    project: dict[str, Any] = _name(given.get("project", ""))
    if "name" in project:
        project["domain"] = _name(given.get("project_domain") or domain)
    return {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": project},
        }
    }


def _name(text: str) -> dict[str, Any]:
    """Return how Keystone wants a thing named: by its id, or by its name."""
    plain = text.strip()
    return {"id": plain} if _ID.fullmatch(plain) else {"name": plain}


def _sign_in(config: CloudConfig) -> Lent[Token]:
    base = config.endpoint.rstrip("/")
    if not _VERSIONED.search(urlsplit(base).path):
        base = f"{base}/v3"
    client = RestClient(
        what="Keystone",
        base=base,
        secrets=list_secrets(config),
        explain=explain_keystone,
    )
    reply = client.ask("POST", "/auth/tokens", data=build_auth(config.credentials))
    return read_token(reply)


def read_token(reply: Reply) -> Lent[Token]:
    """Return the token of an answer, and when it expires."""
    found = reply.need_object("token")
    value = reply.headers.get("X-Subject-Token", "")
    project = reading.text(found, "project", "id")
    if not value or not value.isprintable() or not value.isascii():
        raise UnknownOutcomeError("Keystone answered without a token.")
    if not project:
        raise CredentialsError(
            "Keystone signed in without a project. Name the project in the account."
        )
    token = Token(
        value,
        project,
        frozenset(
            reading.text(each, "name") for each in reading.objects(found, "roles")
        ),
        tuple(_read_endpoints(found)),
    )
    return Lent(token, _read_time(reading.text(found, "expires_at")))


def _read_endpoints(found: Mapping[str, Any]) -> list[Endpoint]:
    return [
        Endpoint(
            reading.text(service, "type"),
            reading.text(each, "region_id") or reading.text(each, "region"),
            reading.text(each, "interface"),
            reading.text(each, "url"),
        )
        for service in reading.objects(found, "catalog")
        for each in reading.objects(service, "endpoints")
    ]


def _read_time(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError):
        return float("inf")  # null: it does not expire


def _digest(config: CloudConfig) -> bytes:
    # A digest, so that the cache's keys contain no secret.
    parts = [NAME, config.endpoint, dict(config.credentials)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).digest()
