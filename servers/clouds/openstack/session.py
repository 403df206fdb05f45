"""Requests to the services of one region, signed in.

A request whose token a service rejects is sent once more, with a new token. That also
goes for the create call, without a risk of two instances: services check the token
before they read the request, so that an answer of 401 says that nothing was done. It
happens only if a token is revoked early, since tokens are renewed before they expire.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

from servers.clouds.base import CloudConfig
from servers.clouds.openstack.errors import NAME, TokenRejectedError, explain
from servers.clouds.openstack.keystone import (
    Token,
    find_token,
    forget_token,
    list_secrets,
)
from servers.outgoing import reading
from servers.outgoing.errors import (
    CredentialsError,
    MissingError,
    RefusedError,
    UnknownOutcomeError,
    UnreachableError,
)
from servers.outgoing.links import read_query
from servers.outgoing.reply import Reply
from servers.outgoing.rest import Query, RestClient

PAGE: Final = 1000
# The services' ids are UUIDs, those of very old clouds numbers.
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")
# The first with tags at the create call, of Pike (2017).
USUAL_VERSION: Final = "2.52"


class Session:
    """One region of one account. Safe to use from any thread, within a ``Deadline``."""

    def __init__(self, config: CloudConfig) -> None:
        self.config = config
        self.interface = str(config.options.get("interface") or "public")

    @property
    def token(self) -> Token:
        """A valid token."""
        return find_token(self.config)

    def has(self, service: str) -> bool:
        """Tell whether the region has a service."""
        return bool(self._find_url(self.token, service))

    def ask(
        self,
        service: str,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        data: Any = None,
        version: str = USUAL_VERSION,
        hide: tuple[str, ...] = (),
    ) -> Reply:
        """Send one request. ``version`` is Nova's microversion. Raises CallError."""
        headers = {}
        if service == "compute":
            headers["OpenStack-API-Version"] = f"compute {version}"

        def send(token: Token) -> Reply:
            return self._client(token, service).ask(
                method, path, query=query, headers=headers, data=data, hide=hide
            )

        token = self._find_token(method)
        try:
            return send(token)
        except TokenRejectedError:
            forget_token(self.config, token)
        token = self._find_token(method)
        try:
            return send(token)
        except TokenRejectedError as error:
            raise CredentialsError(
                f"{error.message} Keystone issued the token just now, so the service "
                "does not trust it, or the application credential has access rules "
                "that forbid the call."
            ) from None

    def _find_token(self, method: str) -> Token:
        """Return a valid token. If a change gets none, it was never sent."""
        if method == "GET":
            return self.token
        with looking_up():
            return self.token

    def entries(
        self, service: str, path: str, name: str, query: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        """Yield the entries of all pages of a list.

        Only the marker of the link to the next page is used: clouds behind a proxy
        often write another host into it. A cloud may return fewer than PAGE entries on
        a page.
        """
        asked = {**query, "limit": PAGE}
        seen: set[str] = set()
        while True:
            reply = self.ask(service, "GET", path, query=asked)
            found = reply.need_objects(name)
            yield from found
            marker = _find_marker(reply, name, found)
            if not marker:
                return
            if marker in seen:
                raise UnknownOutcomeError(f"{NAME} returned pages without an end.")
            seen.add(marker)
            asked["marker"] = marker

    def _client(self, token: Token, service: str) -> RestClient:
        base = self._find_url(token, service)
        if not base:
            regions = ", ".join(token.list_regions()) or "none"
            raise RefusedError(
                f"The catalogue has no service {service} with the interface "
                f"{self.interface} in the region {self.config.region}. Its regions: "
                f"{regions}."
            )
        self._check_url(base, service)
        return RestClient(
            what=NAME,
            base=base,
            headers={"X-Auth-Token": token.value},
            secrets=(token.value, *list_secrets(self.config)),
            explain=explain,
        )

    def _find_url(self, token: Token, service: str) -> str:
        return token.find_url(
            service, region=self.config.region, interface=self.interface
        )

    def _check_url(self, url: str, service: str) -> None:
        """Raise RefusedError if the token may not be sent to an address.

        Which host it is does not matter here: ``http.send`` refuses the inside.
        """
        parts = urlsplit(url)
        secure = urlsplit(self.config.endpoint).scheme == "https"
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise RefusedError(
                f"The catalogue's address of the service {service} is no URL."
            )
        if secure and parts.scheme == "http" and not self._allows_http():
            raise RefusedError(
                f"The catalogue's address of the service {service} is "
                f"{parts.scheme}://{parts.hostname}, without TLS, although Keystone's "
                "has TLS. Correct the catalogue, or set the account's option "
                "plain_http."
            )

    def _allows_http(self) -> bool:
        return self.config.options.get("plain_http") is True


def make_path(prefix: str, resource_id: str) -> str:
    """Return a resource's path. An id in another form can't be one of this cloud."""
    if not _ID.fullmatch(resource_id):
        raise MissingError(f"{NAME} has nothing named {resource_id[:80]!r}.")
    return f"{prefix}{resource_id}"


@contextmanager
def looking_up() -> Iterator[None]:
    """Before a change is sent: raise UnreachableError for silence."""
    try:
        yield
    except UnknownOutcomeError as error:
        raise UnreachableError(error.message) from None


def _find_marker(reply: Reply, name: str, found: list[dict[str, Any]]) -> str:
    """Return the marker of the next page, or "" after the last."""
    if not found:
        return ""
    last = reading.text(found[-1], "id")
    for link in reading.objects(reply.data, f"{name}_links"):
        if reading.text(link, "rel") == "next":
            return read_query(reading.text(link, "href")).get("marker") or last
    # Glance has one link, and no list of them.
    if following := reading.text(reply.data, "next"):
        return read_query(following).get("marker") or last
    return last if len(found) >= PAGE else ""
