"""The port over Vultr: one region of one account."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Final

from servers.clouds.base import (
    CloudConfig,
    CloudInstance,
    CloudLeftover,
    CloudListing,
    CreateSpec,
    Untested,
)
from servers.clouds.catalogue import Catalogue, ImageQuery, OfferedImage
from servers.clouds.kind import Kind
from servers.clouds.one_call import OneCall
from servers.clouds.opening import check_region, open_with_token
from servers.clouds.timings import Timings
from servers.clouds.vultr import offers
from servers.clouds.vultr.checks import (
    CREATE,
    DESTROY,
    check_parts,
    check_rights,
    check_writing,
)
from servers.clouds.vultr.convert import is_in, show_instance
from servers.clouds.vultr.errors import NAME, explain
from servers.clouds.vultr.launch import CAPABILITIES, build_body
from servers.clouds.vultr.options import CREDENTIALS, OPTIONS, UUID, check_options
from servers.lifecycle.keys import is_fleet_id, parse_key
from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import MissingError, UnknownOutcomeError
from servers.outgoing.looking import reading_one, reading_whole
from servers.outgoing.reply import Reply
from servers.outgoing.rest import refusing_missing

ENDPOINT: Final = "https://api.vultr.com/v2"
PAGE: Final = 500  # the most that the API returns
_REGION: Final = re.compile(r"[a-z]{2,8}[0-9]{0,3}")


class Vultr(OneCall):
    """One region of one account."""

    provider: ClassVar[str] = "vultr"

    def __init__(self, config: CloudConfig, timings: Timings) -> None:
        check_region(config, _REGION, like="fra")
        self.config = config
        self.timings = timings
        self._client = open_with_token(
            config, "api_key", what=NAME, base=ENDPOINT, explain=explain
        )
        self._address = str(config.options.get("address") or "")

    def fetch_identity(self, *, deadline: float) -> str:
        """Return "": the API has no id of an account, only its users' addresses."""
        return ""

    def create_instance(self, spec: CreateSpec, *, deadline: float) -> CloudInstance:
        """Create one instance, with all that it needs, in one request."""
        body = self._build(spec)
        hidden = (spec.user_data, str(body.get("user_data", "")))
        with Deadline(deadline, NAME), refusing_missing():
            reply = self._client.ask("POST", "/instances", data=body, hide=hidden)
            return self._show(reply.need_object("instance"))

    def check_create(self, spec: CreateSpec, *, deadline: float) -> tuple[str, ...]:
        """Look up what the create call refers to, and what the key's user may do."""
        body = self._build(spec)
        with Deadline(deadline, NAME), refusing_missing():
            known = check_rights(self._client.ask, CREATE, DESTROY)
            check_writing(self._client.ask)
            check_parts(
                self._client.ask,
                self._entries,
                body,
                spec.image,
                path=self._client.join_path,
            )
        if known:
            return ()
        return (
            Untested(
                f"{NAME} has no dry run and did not tell the permissions of the API "
                "key's user, so it is not tested whether it may create."
            ),
        )

    def catalogue(self, *, deadline: float) -> Catalogue:
        """List regions, plans, systems, applications and snapshots."""
        with Deadline(deadline, NAME), reading_whole():
            return offers.read_catalogue(self._entries, region=self.config.region)

    def find_images(
        self, query: ImageQuery, *, deadline: float
    ) -> tuple[OfferedImage, ...]:
        """Look for images in the lists of their kinds."""
        with Deadline(deadline, NAME), reading_whole():
            return offers.find_images(self._entries, query)

    def find_instances(self, key: str, *, deadline: float) -> list[CloudInstance]:
        """List the instances whose label is the key, in any region.

        It is not said whether Vultr compares the whole label.
        """
        if parse_key(key) is None:
            return []  # no instance of ours can have it
        with Deadline(deadline, NAME), reading_whole():
            found = map(self._show, self._entries("instances", {"label": key}))
            own = {each.instance_id: each for each in found if each.key == key}
        return list(own.values())

    def list_instances(self, fleet: str, *, deadline: float) -> CloudListing:
        """List the instances of the region, and keep those with the fleet's tag.

        Vultr takes one filter for each request, and the one by tag is deprecated. If it
        were dropped or changed, all of the fleet's instances would seem to vanish.
        """
        if not is_fleet_id(fleet):
            return CloudListing(())  # no tag of ours can have it
        region = self.config.region
        with Deadline(deadline, NAME), reading_whole():
            found = {
                instance.instance_id: instance
                for each in self._entries("instances", {"region": region})
                if is_in(each, region) and (instance := self._show(each)).fleet == fleet
            }
        return CloudListing(tuple(found.values()))

    def get_instance(self, instance_id: str, *, deadline: float) -> CloudInstance:
        """Get one instance."""
        with Deadline(deadline, NAME), reading_one():
            reply = self._client.ask("GET", self._path(instance_id))
            return self._show(reply.need_object("instance"))

    def destroy_instance(self, instance_id: str, *, deadline: float) -> None:
        """Destroy one instance. Vultr refuses it while it locks the instance."""
        with Deadline(deadline, NAME):
            self._client.ask("DELETE", self._path(instance_id))

    def check_destroy(self, *, deadline: float) -> None:
        """Find out whether the API key may destroy, without an instance's id."""
        with Deadline(deadline, NAME):
            check_rights(self._client.ask, DESTROY)
            check_writing(self._client.ask)

    def list_leftovers(
        self, fleet: str, *, deadline: float
    ) -> tuple[CloudLeftover, ...]:
        """Return (): nothing but instances can carry the fleet's tag."""
        return ()

    def delete_leftover(self, resource_id: str, *, deadline: float) -> None:
        """Do nothing: there are no leftovers."""

    def _build(self, spec: CreateSpec) -> dict[str, Any]:
        options = {**self.config.options, **spec.options}
        return build_body(spec, options, region=self.config.region)

    def _show(self, item: Mapping[str, Any]) -> CloudInstance:
        return show_instance(item, self._address)

    def _path(self, instance_id: str) -> str:
        """Return an instance's path. Its id is a UUID; no other exists."""
        if not re.fullmatch(UUID, instance_id):
            raise MissingError(f"{NAME} has nothing named {instance_id[:80]!r}.")
        return self._client.join_path("instances", instance_id)

    def _entries(
        self, name: str, query: Mapping[str, str] | None = None, *, key: str = ""
    ) -> Iterator[dict[str, Any]]:
        """Yield the entries of all pages of a list, which are in ``key`` or ``name``.

        A cursor holds the id of an entry. What follows one that was deleted meanwhile
        is not known. So the pages after the first must lead to as many entries as the
        list had.
        """
        asked = {**(query or {}), "per_page": str(PAGE)}
        totals: list[int] = []
        shown = 0
        for reply in self._client.pages(f"/{name}", query=asked, find_next=_find_next):
            entries = reply.need_objects(key or name)
            totals.append(reading.whole(reply.data, "meta", "total"))
            shown += len(entries)
            yield from entries
        if len(totals) > 1 and shown < min(totals):
            raise UnknownOutcomeError(
                f"{NAME} listed {shown} of {min(totals)} {name.replace('-', ' ')}."
            )


def _find_next(reply: Reply) -> dict[str, str] | None:
    """Return the next page's cursor. Raise UnknownOutcomeError if no end is told."""
    links = reply.need_object("meta", "links")
    if not isinstance(links.get("next", 0), str | None):
        raise UnknownOutcomeError(f"{NAME} answered without meta.links.next.")
    following = reading.text(links, "next")
    return {"cursor": following} if following else None


KIND: Final = Kind(
    name="vultr",
    label=NAME,
    provider="vultr",
    open=Vultr,
    # No delay of its listings is known, and no bound for one is promised. So an
    # unanswered create gets the same two minutes as elsewhere.
    timings=Timings(),
    credentials=CREDENTIALS,
    account_options=OPTIONS,
    placement_options=OPTIONS,
    check_options=check_options,
    capabilities=CAPABILITIES,
)
