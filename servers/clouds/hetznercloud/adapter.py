"""The port over Hetzner Cloud: one location of one project."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from servers.clouds.base import (
    FLEET_TAG,
    KEY_TAG,
    CloudConfig,
    CloudInstance,
    CloudLeftover,
    CloudListing,
    CreateSpec,
)
from servers.clouds.catalogue import Catalogue
from servers.clouds.hetznercloud.checks import check_parts, check_writing
from servers.clouds.hetznercloud.convert import is_in, show_instance, show_leftover
from servers.clouds.hetznercloud.errors import NAME, explain
from servers.clouds.hetznercloud.launch import CAPABILITIES, VALUE, build_body
from servers.clouds.hetznercloud.offers import read_catalogue
from servers.clouds.hetznercloud.options import CREDENTIALS, OPTIONS, check_options
from servers.clouds.kind import Kind
from servers.clouds.one_call import OneCall
from servers.clouds.opening import check_region, open_with_token
from servers.clouds.timings import Timings
from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import CallError, MissingError
from servers.outgoing.looking import reading_one, reading_whole
from servers.outgoing.reply import Reply
from servers.outgoing.rest import refusing_missing

ENDPOINT: Final = "https://api.hetzner.cloud/v1"
PAGE: Final = 50  # the most that the API returns
_LOCATION: Final = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LEFTOVERS: Final = {"volume": "/volumes", "address": "/primary_ips"}


class HetznerCloud(OneCall):
    """One location of one project."""

    provider: ClassVar[str] = "hetznercloud"

    def __init__(self, config: CloudConfig, timings: Timings) -> None:
        check_region(config, _LOCATION, like="fsn1", what="location")
        self.config = config
        self.timings = timings
        self._client = open_with_token(
            config, "token", what=NAME, base=ENDPOINT, explain=explain
        )
        self._address = str(config.options.get("address") or "")

    def fetch_identity(self, *, deadline: float) -> str:
        """Return "": the API does not name the project that a token belongs to."""
        return ""

    def create_instance(self, spec: CreateSpec, *, deadline: float) -> CloudInstance:
        """Create one server, with all that it needs, in one request."""
        body = self._build(spec)
        with Deadline(deadline, NAME), refusing_missing():
            reply = self._client.ask(
                "POST", "/servers", data=body, hide=(spec.user_data,)
            )
            return self._show(reply.need_object("server"))

    def check_create(self, spec: CreateSpec, *, deadline: float) -> tuple[str, ...]:
        """Look up what the create call refers to, and whether the token may write."""
        body = self._build(spec)
        with Deadline(deadline, NAME), refusing_missing():
            check_writing(self._client.ask)
            return check_parts(self._client.ask, self._entries, body)

    def catalogue(self, *, deadline: float) -> Catalogue:
        """List locations, server types and images."""
        with Deadline(deadline, NAME), reading_whole():
            return read_catalogue(
                self._entries,
                location=self.config.region,
                fetch_currency=self._fetch_currency,
            )

    def find_instances(self, key: str, *, deadline: float) -> list[CloudInstance]:
        """List the servers with the key's label, in any location."""
        with Deadline(deadline, NAME), reading_whole():
            found = map(self._show, self._select("servers", KEY_TAG, key))
            own = {each.instance_id: each for each in found if each.key == key}
        return list(own.values())

    def list_instances(self, fleet: str, *, deadline: float) -> CloudListing:
        """List the servers with the fleet's label, all pages of them."""
        with Deadline(deadline, NAME), reading_whole():
            found = {
                instance.instance_id: instance
                for each in self._select("servers", FLEET_TAG, fleet)
                if is_in(each, self.config.region)
                and (instance := self._show(each)).fleet == fleet
            }
        return CloudListing(tuple(found.values()))

    def get_instance(self, instance_id: str, *, deadline: float) -> CloudInstance:
        """Get one server."""
        with Deadline(deadline, NAME), reading_one():
            path = self._path("servers", instance_id)
            return self._show(self._client.ask("GET", path).need_object("server"))

    def destroy_instance(self, instance_id: str, *, deadline: float) -> None:
        """Delete one server. Its primary addresses go with it."""
        with Deadline(deadline, NAME):
            self._client.ask("DELETE", self._path("servers", instance_id))

    def check_destroy(self, *, deadline: float) -> None:
        """Find out whether the token may write: with the server 0, which is missing."""
        with Deadline(deadline, NAME):
            check_writing(self._client.ask)

    def list_leftovers(
        self, fleet: str, *, deadline: float
    ) -> tuple[CloudLeftover, ...]:
        """List volumes and primary addresses with the fleet's label, without a server.

        ServerFleet creates neither: it is for those that a server's own boot created
        and labelled.
        """
        found = []
        with Deadline(deadline, NAME), reading_whole():
            for each in self._select("volumes", FLEET_TAG, fleet):
                if each.get("server") is None:
                    size = reading.whole(each, "size")
                    found.append((each, show_leftover(each, "volume", f"{size} GiB")))
            for each in self._select("primary_ips", FLEET_TAG, fleet):
                if each.get("assignee_id") is None:
                    detail = reading.text(each, "ip")
                    found.append((each, show_leftover(each, "address", detail)))
        here = {
            left.resource_id: left
            for each, left in found
            if left.fleet == fleet and is_in(each, self.config.region)
        }
        return tuple(here.values())

    def delete_leftover(self, resource_id: str, *, deadline: float) -> None:
        """Delete a volume or an address."""
        kind, _, number = resource_id.partition("-")
        if kind not in _LEFTOVERS:
            return
        with Deadline(deadline, NAME):
            try:
                path = self._path(_LEFTOVERS[kind].strip("/"), number)
                self._client.ask("DELETE", path)
            except MissingError:
                return  # gone already

    def _build(self, spec: CreateSpec) -> dict[str, Any]:
        options = {**self.config.options, **spec.options}
        return build_body(spec, options, location=self.config.region)

    def _show(self, item: Mapping[str, Any]) -> CloudInstance:
        return show_instance(item, self._address)

    def _path(self, *segments: str) -> str:
        """Return a resource's path. Its id is a number; no other exists."""
        if not re.fullmatch("[0-9]{1,18}", segments[-1]):
            raise MissingError(f"{NAME} has nothing named {segments[-1]!r}.")
        return self._client.join_path(*segments)

    def _select(self, name: str, label: str, value: str) -> Iterator[dict[str, Any]]:
        """Yield all entries of a list that have a label with this value."""
        if not value or not re.fullmatch(VALUE, value):
            return  # no label can have it
        yield from self._entries(
            f"/{name}", name, {"label_selector": f"{label}=={value}"}
        )

    def _entries(
        self, path: str, name: str, query: Mapping[str, str]
    ) -> Iterator[dict[str, Any]]:
        """Yield the entries of all pages of a list."""
        asked = {**query, "per_page": str(PAGE)}
        for reply in self._client.pages(
            path, query=asked, find_next=_find_next, find_total=_find_total
        ):
            yield from reply.need_objects(name)

    def _fetch_currency(self) -> str:
        """Return the currency of the prices, or "" if the API does not tell it."""
        try:
            reply = self._client.ask("GET", "/pricing")
        except CallError:
            return ""
        return reading.text(reply.data, "pricing", "currency")


def _find_next(reply: Reply) -> dict[str, int] | None:
    following = reading.whole(reply.data, "meta", "pagination", "next_page")
    return {"page": following} if following else None


def _find_total(reply: Reply) -> int:
    return reading.whole(reply.data, "meta", "pagination", "total_entries")


KIND: Final = Kind(
    name="hetznercloud",
    label=NAME,
    provider="hetznercloud",
    open=HetznerCloud,
    # No delay of its listings is known, and no bound for one is promised. So an
    # unanswered create gets the same two minutes as elsewhere.
    timings=Timings(),
    credentials=CREDENTIALS,
    account_options=OPTIONS,
    placement_options=OPTIONS,
    capacity_options=("placement_group",),
    check_options=check_options,
    capabilities=CAPABILITIES,
)
