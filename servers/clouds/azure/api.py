"""Requests to Azure Resource Manager, signed in.

A request whose token Azure rejects is sent once more, with a new token. That also goes
for the create call: the token is checked before the request is read, so an answer of
401 says that nothing was done.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import methodcaller
from typing import Any, Final

from servers.clouds.azure.errors import (
    NAME,
    GroupMissingError,
    TokenRejectedError,
    explain,
)
from servers.clouds.azure.places import find_place
from servers.clouds.azure.tokens import Token, find_token, forget_token
from servers.clouds.base import CloudConfig
from servers.outgoing import reading
from servers.outgoing.errors import CredentialsError, UnknownOutcomeError
from servers.outgoing.looking import reading_whole
from servers.outgoing.reply import Reply
from servers.outgoing.rest import Query, RestClient

COMPUTE: Final = "Microsoft.Compute"
NETWORK: Final = "Microsoft.Network"
# The version of each provider's API. That of virtual machines is the first of 2024 with
# If-None-Match, which keeps a PUT from changing what exists.
VERSIONS: Final = {
    f"{COMPUTE}/disks": "2023-10-02",
    f"{COMPUTE}/galleries": "2023-07-03",
    COMPUTE: "2024-03-01",
    NETWORK: "2023-09-01",
    "Microsoft.Authorization": "2022-04-01",
    "": "2022-12-01",  # subscriptions and resource groups
}
# The first that takes tags for interfaces and addresses inside of a virtual machine.
TAGS_VERSION: Final = "2025-04-01"
_SHARED_IMAGES: Final = re.compile(
    r".*/locations/[^/]+/(?:communityGalleries|sharedGalleries)/", re.IGNORECASE
)
_PROVIDER: Final = re.compile(r".*/providers/([^/?]+)(?:/([^/?]+))?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Api:
    """One subscription and its resource group. Needs a surrounding ``Deadline``."""

    config: CloudConfig
    client: RestClient = field(repr=False)

    @property
    def subscription(self) -> str:
        """The subscription's id, in lower case."""
        return self.config.credentials.get("subscription", "").lower()

    @property
    def group(self) -> str:
        """The account's resource group."""
        return str(self.config.options.get("resource_group") or "")

    @property
    def tags_parts(self) -> bool:
        """Whether a PUT of a virtual machine takes tags for what is inside of it."""
        return find_place(self.config).tags_parts

    @property
    def create_version(self) -> str:
        """The version of the API for the PUT of a virtual machine."""
        return TAGS_VERSION if self.tags_parts else VERSIONS[COMPUTE]

    @property
    def location(self) -> str:
        """The account's region."""
        return self.config.region

    def root(self, *segments: str) -> str:
        """Return a path in the subscription."""
        return self.client.join_path("subscriptions", self.subscription, *segments)

    def in_group(self, provider: str, *segments: str, group: str = "") -> str:
        """Return the path of resources in a resource group."""
        return self.root(
            "resourceGroups", group or self.group, "providers", provider, *segments
        )

    def in_location(self, *segments: str) -> str:
        """Return a path of Microsoft.Compute in the region."""
        return self.root("providers", COMPUTE, "locations", self.location, *segments)

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        data: Any = None,
        version: str = "",
        headers: dict[str, str] | None = None,
        hide: tuple[str, ...] = (),
    ) -> Reply:
        """Send one request. Raises CallError."""
        asked = {"api-version": version or find_version(path), **(query or {})}

        def send(client: RestClient) -> Reply:
            return client.ask(
                method, path, query=asked, data=data, headers=headers, hide=hide
            )

        return self._repeat(send)

    def get(self, path: str, query: Query | None = None) -> dict[str, Any]:
        """Return one resource."""
        return self.ask("GET", path, query=query).need_object()

    def entries(
        self, path: str, query: Query | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the entries of all pages of a list."""
        reply = self.ask("GET", path, query=query)
        seen: set[str] = set()
        while True:
            yield from reply.need_objects("value")
            link = reading.find(reply.data, "nextLink")
            if not link:
                return
            if not isinstance(link, str) or link in seen or len(seen) >= 1000:
                raise UnknownOutcomeError(f"{NAME} returned pages without an end.")
            seen.add(link)
            reply = self._repeat(methodcaller("follow", link))

    def entries_of_group(
        self, path: str, query: Query | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield the entries of a list in the account's resource group.

        If the group does not exist, it may be named wrongly: that is no empty list.
        Raises as a complete look does.
        """
        with reading_whole():
            try:
                yield from self.entries(path, query)
            except GroupMissingError as error:
                raise CredentialsError(error.message) from None

    def _repeat(self, send: Callable[[RestClient], Reply]) -> Reply:
        token = find_token(self.config)
        try:
            return send(self._signed(token))
        except TokenRejectedError:
            forget_token(self.config, token)
        try:
            return send(self._signed(find_token(self.config)))
        except TokenRejectedError as error:
            raise CredentialsError(error.message) from None

    def _signed(self, token: Token) -> RestClient:
        client = self.client
        return RestClient(
            what=client.what,
            base=client.base,
            headers={"Authorization": f"Bearer {token.text}"},
            secrets=(*client.secrets, token.text),
            explain=client.explain,
        )


def open_api(config: CloudConfig) -> Api:
    """Return the API of an account. No call is made."""
    secret = config.credentials.get("client_secret", "")
    client = RestClient(
        what=NAME, base=find_place(config).api, secrets=(secret,), explain=explain
    )
    return Api(config, client)


def find_version(path: str) -> str:
    """Return the version of the API that a path belongs to."""
    found = _PROVIDER.match(path)
    if found is None:
        return VERSIONS[""]
    provider = found[1]
    if _SHARED_IMAGES.match(path):
        return VERSIONS[f"{COMPUTE}/galleries"]
    return VERSIONS.get(f"{provider}/{found[2]}") or VERSIONS.get(
        provider, VERSIONS[""]
    )
