"""Scaleway's APIs in one zone of one project: paths, pages, complete lists.

Source: the operations of the vendor's SDK, and recorded answers. Lists of Instances
tell their length in X-Total-Count, and those of other products in total_count. The
links to the next page are relative to an unnamed path, so only their number is read.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from servers.clouds.base import CloudConfig
from servers.clouds.scaleway.errors import NAME, explain
from servers.clouds.scaleway.options import UUID
from servers.outgoing import reading
from servers.outgoing.errors import (
    MissingError,
)
from servers.outgoing.looking import reading_whole
from servers.outgoing.reply import Reply
from servers.outgoing.rest import RestClient

ENDPOINT: Final = "https://api.scaleway.com"
PAGE: Final = 100  # the most that the APIs return
_NEXT: Final = re.compile(r"<[^<>]*[?&]page=([0-9]{1,9})[^<>]*>;\s*rel=\"?next\"?")


class Api:
    """The calls of one account in one zone. Safe to use from any thread."""

    def __init__(self, config: CloudConfig) -> None:
        secret = config.credentials.get("secret_key", "")
        self.zone = config.region
        self.project = config.credentials.get("project_id", "")
        self._client = RestClient(
            what=NAME,
            base=config.endpoint or ENDPOINT,
            headers={"X-Auth-Token": secret},
            secrets=(secret,),
            explain=explain,
        )
        self.ask = self._client.ask
        self._instance = f"/instance/v1/zones/{self.zone}"
        self._block = f"/block/v1alpha1/zones/{self.zone}"

    def instance(self, *segments: str) -> str:
        """Return a path of the product Instances in this zone."""
        return self._instance + self._client.join_path(*segments)

    def block(self, *segments: str) -> str:
        """Return a path of the product Block Storage in this zone."""
        return self._block + self._client.join_path(*segments)

    def server(self, server_id: str, *more: str) -> str:
        """Return a server's path. Its id is a UUID; no other exists."""
        return self.instance("servers", need_uuid(server_id), *more)

    def entries(
        self, path: str, name: str, query: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """Return the entries of all pages of a list. Raises as a complete look does."""
        found: dict[str, dict[str, Any]] = {}
        with reading_whole():
            for reply in self._pages(path, name, query or {}):
                for number, each in enumerate(reply.need_objects(name)):
                    # A page can be read twice. One without an id is never the same.
                    found[reading.text(each, "id") or f"{len(found)} {number}"] = each
        return list(found.values())

    def named_entries(self, path: str, name: str) -> dict[str, Any]:
        """Return the entries of all pages of an object, by their names."""
        found: dict[str, Any] = {}
        with reading_whole():
            for reply in self._pages(path, name, {}):
                found |= reply.need_object(name)
        return found

    def _pages(self, path: str, name: str, query: Mapping[str, str]) -> Iterator[Reply]:
        of_instances = path.startswith("/instance/")
        size = "per_page" if of_instances else "page_size"
        seen = page = 0

        def find_next(reply: Reply) -> dict[str, int] | None:
            nonlocal seen, page
            count = len(reading.find(reply.data, name) or ())
            seen, page = seen + count, page + 1
            if _has_next(reply, count=count, seen=seen):
                return {"page": page + 1}
            seen = page = 0  # the list may be read once more
            return None

        asked = {**query, size: str(PAGE), "page": "1"}
        return self._client.pages(
            path, query=asked, find_next=find_next, find_total=_find_total
        )


def _find_total(reply: Reply) -> int:
    """Return the length of a list, or 0 if the answer does not tell it."""
    total = reading.whole(reply.headers.get("X-Total-Count", ""))
    return total or reading.whole(reply.data, "total_count")


def _has_next(reply: Reply, *, count: int, seen: int) -> bool:
    """Tell whether a list goes on: by its length, by its link, or by a full page."""
    if not count:
        return False
    total = _find_total(reply)
    if seen < total or _NEXT.search(reply.headers.get("Link", "")):
        return True
    return not total and count >= PAGE


def need_uuid(resource_id: str) -> str:
    """Return an id. Raise MissingError if it can't be one of Scaleway's."""
    if not re.fullmatch(UUID, resource_id):
        raise MissingError(f"{NAME} has nothing named {resource_id[:80]!r}.")
    return resource_id
