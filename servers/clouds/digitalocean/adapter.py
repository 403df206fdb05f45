"""The port over DigitalOcean: one region of one team."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from servers.clouds.base import (
    FLEET_TAG,
    CloudConfig,
    CloudInstance,
    CloudLeftover,
    CloudListing,
    CreateSpec,
)
from servers.clouds.catalogue import Catalogue, ImageQuery, OfferedImage, Quota
from servers.clouds.digitalocean import offers
from servers.clouds.digitalocean.checks import (
    check_account,
    check_parts,
    check_writing,
)
from servers.clouds.digitalocean.convert import (
    is_attached,
    is_in,
    show_instance,
    show_volume,
)
from servers.clouds.digitalocean.errors import NAME, explain
from servers.clouds.digitalocean.launch import CAPABILITIES, build_body
from servers.clouds.digitalocean.options import CREDENTIALS, OPTIONS, check_options
from servers.clouds.flat_tags import make_tag
from servers.clouds.kind import Kind
from servers.clouds.one_call import OneCall
from servers.clouds.opening import check_region, open_with_token
from servers.clouds.timings import Timings
from servers.lifecycle.keys import is_fleet_id, parse_key
from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import MissingError
from servers.outgoing.links import read_query
from servers.outgoing.looking import reading_one, reading_whole
from servers.outgoing.reply import Reply
from servers.outgoing.rest import refusing_missing

ENDPOINT: Final = "https://api.digitalocean.com/v2"
PAGE: Final = 200  # the most that the API returns
_REGION: Final = re.compile(r"[a-z]{2,8}[0-9]{1,3}")
_UUID: Final = re.compile(r"[0-9a-fA-F-]{8,40}")


class DigitalOcean(OneCall):
    """One region of one team."""

    provider: ClassVar[str] = "digitalocean"

    def __init__(self, config: CloudConfig, timings: Timings) -> None:
        check_region(config, _REGION, like="fra1")
        self.config = config
        self.timings = timings
        self._client = open_with_token(
            config, "token", what=NAME, base=ENDPOINT, explain=explain
        )
        self._address = str(config.options.get("address") or "")

    def fetch_identity(self, *, deadline: float) -> str:
        """Return the id of the token's team, or of its user without a team."""
        with Deadline(deadline, NAME), reading_whole():
            account = self._fetch_account()
        return reading.text(account, "team", "uuid") or reading.text(account, "uuid")

    def create_instance(self, spec: CreateSpec, *, deadline: float) -> CloudInstance:
        """Create one Droplet, with all that it needs, in one request."""
        body = self._build(spec)
        with Deadline(deadline, NAME), refusing_missing():
            reply = self._client.ask(
                "POST", "/droplets", data=body, hide=(spec.user_data,)
            )
            return self._show(reply.need_object("droplet"))

    def check_create(self, spec: CreateSpec, *, deadline: float) -> tuple[str, ...]:
        """Look up what the create call refers to, and whether the token may write."""
        body = self._build(spec)
        with Deadline(deadline, NAME), refusing_missing():
            check_account(self._fetch_account())
            check_writing(self._client.ask)
            return check_parts(
                self._client.ask, self._entries, body, path=self._client.join_path
            )

    def catalogue(self, *, deadline: float) -> Catalogue:
        """List regions, sizes and images."""
        with Deadline(deadline, NAME), reading_whole():
            return offers.read_catalogue(self._entries, region=self.config.region)

    def find_images(
        self, query: ImageQuery, *, deadline: float
    ) -> tuple[OfferedImage, ...]:
        """Get images by their ids, or list the owner's and compare the names."""
        with Deadline(deadline, NAME):
            return offers.find_images(
                self._client.ask,
                self._entries,
                query,
                region=self.config.region,
                path=self._client.join_path,
            )

    def list_quotas(self, *, deadline: float) -> tuple[Quota, ...]:
        """Return the team's limit of Droplets."""
        with Deadline(deadline, NAME), reading_whole():
            return offers.read_quotas(self._client.ask)

    def find_instances(self, key: str, *, deadline: float) -> list[CloudInstance]:
        """List the Droplets whose name is the key, in any region.

        The name is there from the start, but the tags are not.
        """
        if parse_key(key) is None:
            return []  # no Droplet of ours can have it
        with Deadline(deadline, NAME), reading_whole():
            found = map(
                self._show, self._entries("/droplets", "droplets", {"name": key})
            )
            own = {each.instance_id: each for each in found if each.key == key}
        return list(own.values())

    def list_instances(self, fleet: str, *, deadline: float) -> CloudListing:
        """List the Droplets with the fleet's tag, all pages of them."""
        if not is_fleet_id(fleet):
            return CloudListing(())  # no tag of ours can have it
        query = {"tag_name": make_tag(FLEET_TAG, fleet)}
        with Deadline(deadline, NAME), reading_whole():
            found = {
                instance.instance_id: instance
                for each in self._entries("/droplets", "droplets", query)
                if is_in(each, self.config.region)
                and (instance := self._show(each)).fleet == fleet
            }
        return CloudListing(tuple(found.values()))

    def get_instance(self, instance_id: str, *, deadline: float) -> CloudInstance:
        """Get one Droplet."""
        with Deadline(deadline, NAME), reading_one():
            reply = self._client.ask("GET", self._path(instance_id))
            return self._show(reply.need_object("droplet"))

    def destroy_instance(self, instance_id: str, *, deadline: float) -> None:
        """Destroy one Droplet by its id: without one, the call would destroy many."""
        with Deadline(deadline, NAME):
            self._client.ask("DELETE", self._path(instance_id))

    def check_destroy(self, *, deadline: float) -> None:
        """Find out whether the token may destroy, with an id that no Droplet has."""
        with Deadline(deadline, NAME):
            check_writing(self._client.ask)

    def list_leftovers(
        self, fleet: str, *, deadline: float
    ) -> tuple[CloudLeftover, ...]:
        """List volumes with the fleet's tag that are attached to no Droplet.

        ServerFleet creates none: it is for those that a server's own boot created and
        tagged. Reserved addresses can't be tagged, so none is known to be the fleet's.
        """
        query = {"region": self.config.region}
        with Deadline(deadline, NAME), reading_whole():
            found = {
                left.resource_id: left
                for each in self._entries("/volumes", "volumes", query)
                if is_in(each, self.config.region)
                and not is_attached(each)
                and (left := show_volume(each)).fleet == fleet
            }
        return tuple(found.values())

    def delete_leftover(self, resource_id: str, *, deadline: float) -> None:
        """Delete a volume."""
        if not _UUID.fullmatch(resource_id):
            return
        with Deadline(deadline, NAME):
            try:
                path = self._client.join_path("volumes", resource_id)
                self._client.ask("DELETE", path)
            except MissingError:
                return  # gone already

    def _build(self, spec: CreateSpec) -> dict[str, Any]:
        options = {**self.config.options, **spec.options}
        return build_body(spec, options, region=self.config.region)

    def _show(self, item: Mapping[str, Any]) -> CloudInstance:
        return show_instance(item, self._address)

    def _fetch_account(self) -> dict[str, Any]:
        return self._client.ask("GET", "/account").need_object("account")

    def _path(self, instance_id: str) -> str:
        """Return a Droplet's path. Its id is a number; no other exists."""
        if not re.fullmatch("[1-9][0-9]{0,17}", instance_id):
            raise MissingError(f"{NAME} has nothing named {instance_id!r}.")
        return self._client.join_path("droplets", instance_id)

    def _entries(
        self, path: str, name: str, query: Mapping[str, str]
    ) -> Iterator[dict[str, Any]]:
        """Yield the entries of all pages of a list."""
        asked = {**query, "per_page": str(PAGE)}
        for reply in self._client.pages(
            path, query=asked, find_next=_find_next, find_total=_find_total
        ):
            yield from reply.need_objects(name)


def _find_next(reply: Reply) -> str | dict[str, str] | None:
    """Return the next page's number, or its link if that has none."""
    link = reading.text(reply.data, "links", "pages", "next")
    page = read_query(link).get("page", "")
    return {"page": page} if re.fullmatch("[1-9][0-9]{0,6}", page) else link


def _find_total(reply: Reply) -> int:
    return reading.whole(reply.data, "meta", "total")


KIND: Final = Kind(
    name="digitalocean",
    label=NAME,
    provider="digitalocean",
    open=DigitalOcean,
    # No delay of its listings is known, and no bound for one is promised. A listing by
    # tag shows a Droplet only once it has its tags, which comes after the create: so
    # this is a minute more than elsewhere.
    timings=Timings(settle=180.0),
    credentials=CREDENTIALS,
    account_options=OPTIONS,
    placement_options=OPTIONS,
    check_options=check_options,
    capabilities=CAPABILITIES,
)
