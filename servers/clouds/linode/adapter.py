"""The port over Linode: one region of one account."""

import json
import re
import secrets
import time
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
from servers.clouds.catalogue import Catalogue
from servers.clouds.flat_tags import make_tag
from servers.clouds.kind import Kind
from servers.clouds.linode.checks import check_parts, check_user, check_writing
from servers.clouds.linode.convert import (
    is_attached,
    is_in,
    show_instance,
    show_volume,
)
from servers.clouds.linode.errors import NAME, explain
from servers.clouds.linode.launch import CAPABILITIES, build_body, make_label
from servers.clouds.linode.offers import read_catalogue
from servers.clouds.linode.options import CREDENTIALS, OPTIONS, check_options
from servers.clouds.one_call import OneCall
from servers.clouds.opening import check_region, open_with_token
from servers.clouds.timings import Timings
from servers.lifecycle.keys import is_fleet_id, parse_key
from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import MissingError, UnknownOutcomeError
from servers.outgoing.looking import reading_one, reading_whole
from servers.outgoing.reply import Reply
from servers.outgoing.rest import refusing_missing

ENDPOINT: Final = "https://api.linode.com/v4"
PAGE: Final = 500  # the most that the API returns
_REGION: Final = re.compile(r"[a-z]{2}(?:-[a-z0-9]{1,20}){1,3}")
_NUMBER: Final = re.compile("[1-9][0-9]{0,17}")
_CUSTOMER: Final = re.compile("[0-9A-Za-z-]{8,64}")
# Lists whose pages have one length only.
_FIXED: Final = frozenset({"/regions", "/regions/availability", "/linode/types"})


class Linode(OneCall):
    """One region of one account."""

    provider: ClassVar[str] = "linode"

    def __init__(self, config: CloudConfig, timings: Timings) -> None:
        check_region(config, _REGION, like="eu-central")
        self.config = config
        self.timings = timings
        self._client = open_with_token(
            config, "token", what=NAME, base=ENDPOINT, explain=explain
        )
        self._address = str(config.options.get("address") or "")

    def fetch_identity(self, *, deadline: float) -> str:
        """Return the id of the token's account, which each answer names."""
        with Deadline(deadline, NAME), reading_whole():
            return _read_identity(self._client.ask("GET", "/profile"))

    def create_instance(self, spec: CreateSpec, *, deadline: float) -> CloudInstance:
        """Create one Linode, with all that it needs, in one request."""
        body = self._build(spec)
        hidden = (spec.user_data, body["root_pass"], *body.get("metadata", {}).values())
        with Deadline(deadline, NAME), refusing_missing():
            reply = self._client.ask(
                "POST", "/linode/instances", data=body, hide=hidden
            )
            return self._show(reply.need_object())

    def check_create(self, spec: CreateSpec, *, deadline: float) -> tuple[str, ...]:
        """Look up what the create call refers to, and whether the token may write."""
        body = self._build(spec)
        with Deadline(deadline, NAME), refusing_missing():
            check_writing(self._client.ask)
            return (
                *check_user(self._client.ask),
                *check_parts(
                    self._client.ask, self._pages, body, path=self._client.join_path
                ),
            )

    def catalogue(self, *, deadline: float) -> Catalogue:
        """List regions, plans and images."""
        with Deadline(deadline, NAME), reading_whole():
            return read_catalogue(self._pages, region=self.config.region)

    def find_instances(self, key: str, *, deadline: float) -> list[CloudInstance]:
        """List the Linodes whose label is the key's, in any region."""
        if parse_key(key) is None:
            return []  # no Linode of ours can have it
        with Deadline(deadline, NAME), reading_whole():
            own = {
                instance.instance_id: instance
                for reply in self._pages(
                    "/linode/instances", {"label": make_label(key)}
                )
                for each in reply.need_objects("data")
                if (instance := self._show(each)).key == key
            }
        return list(own.values())

    def list_instances(self, fleet: str, *, deadline: float) -> CloudListing:
        """List the Linodes with the fleet's tag or label, all pages of them.

        A label can be changed, and tags are missing if the token's user may not set
        any. So either is enough.
        """
        if not is_fleet_id(fleet):
            return CloudListing(())  # nothing of ours can have it
        either = [
            {"tags": make_tag(FLEET_TAG, fleet)},
            {"label": {"+contains": make_label(f"{fleet}-")}},
        ]
        found: dict[str, CloudInstance] = {}
        identity = ""
        with Deadline(deadline, NAME), reading_whole():
            for reply in self._pages("/linode/instances", {"+or": either}):
                identity = identity or _read_identity(reply)
                for each in reply.need_objects("data"):
                    instance = self._show(each)
                    if instance.fleet == fleet and is_in(each, self.config.region):
                        found[instance.instance_id] = instance
        return CloudListing(tuple(found.values()), identity)

    def get_instance(self, instance_id: str, *, deadline: float) -> CloudInstance:
        """Get one Linode."""
        with Deadline(deadline, NAME), reading_one():
            reply = self._client.ask("GET", self._path(instance_id))
            return self._show(reply.need_object())

    def destroy_instance(self, instance_id: str, *, deadline: float) -> None:
        """Delete one Linode. Its disks and addresses go with it."""
        with Deadline(deadline, NAME):
            self._client.ask("DELETE", self._path(instance_id))

    def check_destroy(self, *, deadline: float) -> None:
        """Find out whether the token may write: with the Linode 0, which is missing."""
        with Deadline(deadline, NAME):
            check_writing(self._client.ask)

    def list_leftovers(
        self, fleet: str, *, deadline: float
    ) -> tuple[CloudLeftover, ...]:
        """List volumes with the fleet's tag that are attached to no Linode.

        ServerFleet creates none: it is for those that a server's own boot created and
        tagged.
        """
        if not is_fleet_id(fleet):
            return ()
        tagged = {"tags": make_tag(FLEET_TAG, fleet)}
        with Deadline(deadline, NAME), reading_whole():
            found = {
                left.resource_id: left
                for reply in self._pages("/volumes", tagged)
                for each in reply.need_objects("data")
                if is_in(each, self.config.region)
                and not is_attached(each)
                and (left := show_volume(each)).fleet == fleet
            }
        return tuple(found.values())

    def delete_leftover(self, resource_id: str, *, deadline: float) -> None:
        """Delete a volume."""
        if not _NUMBER.fullmatch(resource_id):
            return
        with Deadline(deadline, NAME):
            try:
                path = self._client.join_path("volumes", resource_id)
                self._client.ask("DELETE", path)
            except MissingError:
                return  # gone already

    def _build(self, spec: CreateSpec) -> dict[str, Any]:
        options = {**self.config.options, **spec.options}
        return build_body(
            spec,
            options,
            region=self.config.region,
            root_pass=secrets.token_urlsafe(48),
        )

    def _show(self, item: Mapping[str, Any]) -> CloudInstance:
        return show_instance(item, self._address, time.time())

    def _path(self, instance_id: str) -> str:
        """Return a Linode's path. Its id is a number; no other exists."""
        if not _NUMBER.fullmatch(instance_id):
            raise MissingError(f"{NAME} has nothing named {instance_id!r}.")
        return self._client.join_path("linode", "instances", instance_id)

    def _pages(
        self, path: str, wanted: Mapping[str, Any] | None = None
    ) -> Iterator[Reply]:
        """Yield all pages of a list of what has the fields in ``wanted``."""
        query = {} if path in _FIXED else {"page_size": PAGE}
        headers = {"X-Filter": json.dumps(wanted)} if wanted else {}
        for reply in self._client.pages(
            path,
            query=query,
            headers=headers,
            find_next=_find_next,
            find_total=_find_total,
        ):
            _check_page(reply)
            yield reply


def _check_page(reply: Reply) -> None:
    """Raise UnknownOutcomeError if a list does not tell where it ends."""
    page, pages = (reading.find(reply.data, name) for name in ("page", "pages"))
    if type(page) is not int or type(pages) is not int or 1 < pages < page:
        raise UnknownOutcomeError(f"{NAME} does not tell how many pages a list has.")
    if pages > 1 and page < 1:
        raise UnknownOutcomeError(f"{NAME} does not tell which page of a list it is.")


def _find_next(reply: Reply) -> dict[str, int] | None:
    page, pages = (reading.whole(reply.data, name) for name in ("page", "pages"))
    return {"page": page + 1} if 0 < page < pages else None


def _find_total(reply: Reply) -> int:
    return reading.whole(reply.data, "results")


def _read_identity(reply: Reply) -> str:
    """Return the id of the account that an answer names, or ""."""
    given = reply.headers.get("X-Customer-UUID", "")
    return given if _CUSTOMER.fullmatch(given) else ""


KIND: Final = Kind(
    name="linode",
    label=NAME,
    provider="linode",
    open=Linode,
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
