"""The Compute Engine API of one project and region, within one call of the port."""

import hashlib
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from servers.clouds.google.convert import is_in, read_end
from servers.clouds.google.errors import NAME, explain
from servers.clouds.google.tokens import is_own_host
from servers.outgoing import reading
from servers.outgoing.errors import (
    MissingError,
    RefusedError,
    UnknownOutcomeError,
    UnreachableError,
)
from servers.outgoing.reply import Reply
from servers.outgoing.rest import RestClient

ENDPOINT: Final = "https://compute.googleapis.com"
_RESOURCE_MANAGER: Final = "https://cloudresourcemanager.googleapis.com"
_VERSION: Final = "/compute/v1"
PAGE: Final = 500  # the most that the API returns
# A scope of an aggregated list without this warning may not be whole.
_EMPTY: Final = "NO_RESULTS_ON_PAGE"
_ZONES_SECONDS: Final = 3600.0
_MAX_KEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class Api:
    """One project, with the token of this call."""

    client: RestClient
    project: str
    region: str

    def path(self, *segments: str) -> str:
        """Return a path in the project."""
        return self.client.join_path("projects", self.project, *segments)

    def get(self, *segments: str) -> dict[str, Any]:
        """Return one resource of the project."""
        return self.client.ask("GET", self.path(*segments)).need_object()

    def entries(self, path: str, query: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        """Yield the entries of all pages of a list. An empty list may have no items."""
        for reply in self._pages(path, query):
            if "items" in reply.need_object():
                yield from reply.need_objects("items")

    def aggregate(
        self, kind: str, query: Mapping[str, str]
    ) -> Iterator[tuple[str, dict[str, Any], Reply]]:
        """Yield each entry of an aggregated list, with its scope and its page.

        A page without entries is yielded once, with "" and {}. A scope is such as
        zones/europe-west1-b. Raises UnknownOutcomeError unless every page is whole.
        """
        for reply in self._pages(self.path("aggregated", kind), query):
            yield "", {}, reply
            if "items" not in reply.data:
                continue
            for scope, part in reply.need_object("items").items():
                if not isinstance(part, dict):
                    raise UnknownOutcomeError(f"{NAME} answered without {scope[:80]}.")
                _check_whole(part)
                if kind in part:
                    for each in reply.need_objects("items", scope, kind):
                        yield scope, each, reply

    def _pages(self, path: str, query: Mapping[str, str]) -> Iterator[Reply]:
        asked: dict[str, str | int] = {"maxResults": PAGE, **query}
        for reply in self.client.pages(path, query=asked, find_next=_find_next):
            data = reply.need_object()
            if not ("items" in data or reading.text(data, "kind").endswith("List")):
                raise UnknownOutcomeError(f"{NAME} answered without a list.")
            _check_whole(data)
            yield reply


def _find_next(reply: Reply) -> dict[str, str] | None:
    token = reading.find(reply.data, "nextPageToken")
    return {"pageToken": token} if isinstance(token, str) and token else None


def _check_whole(part: Mapping[str, Any]) -> None:
    """Raise UnknownOutcomeError for a list, or a part of one, that is not whole."""
    code = reading.text(part, "warning", "code")
    if part.get("unreachables") or (part.get("warning") and code != _EMPTY):
        where = ", ".join(reading.texts(part, "unreachables"))
        said = reading.text(part, "warning", "message") or where or code
        raise UnknownOutcomeError(
            f"{NAME} answered with a part of a list: {said[:300]}"
        )


def open_api(*, endpoint: str, token: str, project: str, region: str) -> Api:
    """Return the API for one call."""
    root = (endpoint or ENDPOINT).rstrip("/").removesuffix(_VERSION)
    client = RestClient(
        what=NAME,
        base=f"{root}{_VERSION}",
        headers={"Authorization": f"Bearer {token}"},
        secrets=(token,),
        explain=explain,
    )
    return Api(client, project, region)


def find_rights(api: Api, rights: list[str], *, endpoint: str) -> set[str]:
    """Return those of some permissions that these credentials have in the project.

    It is another service's call, which must be enabled in the project.
    """
    parts = urlsplit(endpoint or ENDPOINT)
    is_own = is_own_host(endpoint or ENDPOINT)
    root = _RESOURCE_MANAGER if is_own else f"{parts.scheme}://{parts.netloc}"
    client = RestClient(
        NAME, root, api.client.headers, api.client.secrets, api.client.explain
    )
    reply = client.ask(
        "POST",
        f"/v1{client.join_path('projects', api.project)}:testIamPermissions",
        data={"permissions": rights},
    )
    return set(reading.texts(reply.need_object(), "permissions"))


class Zones:
    """The zones of regions, looked up once an hour. Safe to use from any thread."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, str], tuple[float, list[str]]] = (
            OrderedDict()
        )
        self._lock = threading.Lock()

    def choose(self, api: Api, key: str, *, wanted: str) -> str:
        """Return the zone of an attempt: the ``wanted`` one, or by its key alone.

        Any process chooses the same one, and attempts spread evenly over the zones.
        Raises as ``find`` does, and RefusedError for a zone of another region.
        """
        if wanted and not is_in(wanted, api.region):
            raise RefusedError(
                f"The zone {wanted} is not in the region {api.region}. Correct the "
                "option zone, or the region."
            )
        if wanted:
            return wanted
        zones = self.find(api)
        digest = hashlib.sha256(key.encode()).digest()
        return zones[int.from_bytes(digest[:8], "big") % len(zones)]

    def find(self, api: Api) -> list[str]:
        """Return the sorted names of the zones of the API's region.

        Raises RefusedError if there is no such region, CredentialsError,
        ThrottledError, and UnreachableError if there was no answer.
        """
        key = (api.client.base, api.project, api.region)
        with self._lock:
            known = self._known.get(key)
        if known is not None and time.monotonic() < known[0]:
            return known[1]
        zones = _look_up(api)
        with self._lock:
            self._known[key] = (time.monotonic() + _ZONES_SECONDS, zones)
            while len(self._known) > _MAX_KEPT:
                self._known.popitem(last=False)
        return zones


def _look_up(api: Api) -> list[str]:
    try:
        region = api.get("regions", api.region)
    except MissingError as error:
        raise RefusedError(
            f"{NAME} has no region {api.region} in this project. {error.message}"
        ) from None
    except UnknownOutcomeError as error:
        # A look-up changes nothing, and nothing else was sent yet.
        raise UnreachableError(error.message) from None
    zones = [read_end(link) for link in reading.texts(region, "zones")]
    zones = sorted(each for each in zones if re.fullmatch("[a-z0-9-]{1,63}", each))
    if not zones:
        raise RefusedError(
            f"{NAME} names no zone of {api.region}. Set the option zone."
        )
    return zones
