"""The port over Scaleway: one zone of one project."""

import re
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
from servers.clouds.catalogue import Catalogue, ImageQuery, OfferedImage, Quota
from servers.clouds.kind import Kind
from servers.clouds.opening import check_region
from servers.clouds.scaleway import leftovers, offers
from servers.clouds.scaleway.api import Api
from servers.clouds.scaleway.checks import check_parts, check_writing
from servers.clouds.scaleway.convert import show_instance
from servers.clouds.scaleway.ending import end_server
from servers.clouds.scaleway.errors import NAME
from servers.clouds.scaleway.finishing import fetch_server, finish_server
from servers.clouds.scaleway.launch import CAPABILITIES, build_body, write_tags
from servers.clouds.scaleway.options import CREDENTIALS, OPTIONS, check_options
from servers.clouds.timings import Timings
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import CredentialsError, MissingError
from servers.outgoing.looking import reading_one, reading_whole
from servers.outgoing.rest import refusing_missing

_ZONE: Final = re.compile(r"[a-z]{2}-[a-z]{3}-[1-9]")
# A filter takes several tags, with commas between them.
_VALUE: Final = re.compile(r"[a-z0-9-]{1,63}")


class Scaleway:
    """One zone of one project."""

    provider: ClassVar[str] = "scaleway"
    finishes = True

    def __init__(self, config: CloudConfig, timings: Timings) -> None:
        check_region(config, _ZONE, like="fr-par-1", what="zone")
        self.config = config
        self.timings = timings
        self._api = Api(config)
        self._address = str(config.options.get("address") or "")

    def fetch_identity(self, *, deadline: float) -> str:
        """Return the project's id, if the API key belongs to its organization.

        An API key without the right to read the project can't tell.
        """
        project = self._api.project
        with Deadline(deadline, NAME), reading_whole():
            try:
                self._api.ask("GET", f"/account/v3/projects/{project}")
            except MissingError:
                raise CredentialsError(
                    f"{NAME} has no project {project} for this API key. Correct the "
                    "project in the account."
                ) from None
            except CredentialsError:
                # Tells whether the key is unknown, or may just not read projects.
                self._api.ask("GET", self._api.instance("servers"), query=self._one())
        return project

    def create_instance(self, spec: CreateSpec, *, deadline: float) -> CloudInstance:
        """Create one server, tagged and off, in one request."""
        body = self._build(spec)
        with Deadline(deadline, NAME), refusing_missing():
            path = self._api.instance("servers")
            reply = self._api.ask("POST", path, data=body)
            return self._show(reply.need_object("server"))

    def finish(
        self, instance: CloudInstance, spec: CreateSpec, *, deadline: float
    ) -> CloudInstance:
        """Tag the volume, store the user data, and switch the server on."""
        options = self._merge(spec)
        with Deadline(deadline, NAME):
            found = finish_server(self._api, instance.instance_id, spec, options)
            return self._show(found)

    def check_create(self, spec: CreateSpec, *, deadline: float) -> tuple[str, ...]:
        """Look up what the call refers to, and whether the API key may write."""
        self._build(spec)
        with Deadline(deadline, NAME), refusing_missing():
            check_writing(self._api)
            return check_parts(
                self._api,
                size=spec.size,
                image=spec.image,
                options=self._merge(spec),
            )

    def catalogue(self, *, deadline: float) -> Catalogue:
        """List sizes with prices, the project's images and the marketplace's labels."""
        with Deadline(deadline, NAME), reading_whole():
            return offers.read_catalogue(self._api)

    def find_images(
        self, query: ImageQuery, *, deadline: float
    ) -> tuple[OfferedImage, ...]:
        """Look images up by id or label, or by name among the project's own."""
        with Deadline(deadline, NAME), reading_whole():
            return offers.find_images(self._api, query)

    def list_quotas(self, *, deadline: float) -> tuple[Quota, ...]:
        """Read the organization's quotas on servers."""
        with Deadline(deadline, NAME), reading_whole():
            return offers.list_quotas(self._api)

    def find_instances(self, key: str, *, deadline: float) -> list[CloudInstance]:
        """List the servers with the key's tag."""
        with Deadline(deadline, NAME):
            found = self._select(KEY_TAG, key)
        return [instance for instance in found if instance.key == key]

    def list_instances(self, fleet: str, *, deadline: float) -> CloudListing:
        """List the servers with the fleet's tag, all pages of them."""
        with Deadline(deadline, NAME):
            found = self._select(FLEET_TAG, fleet)
        return CloudListing(
            tuple(instance for instance in found if instance.fleet == fleet)
        )

    def get_instance(self, instance_id: str, *, deadline: float) -> CloudInstance:
        """Get one server."""
        with Deadline(deadline, NAME), reading_one():
            return self._show(fetch_server(self._api, instance_id))

    def destroy_instance(self, instance_id: str, *, deadline: float) -> None:
        """Terminate a server that is on, or delete one that is off."""
        with Deadline(deadline, NAME):
            end_server(self._api, instance_id)

    def check_destroy(self, *, deadline: float) -> None:
        """Find out whether the API key may write: with a server that is missing."""
        with Deadline(deadline, NAME):
            check_writing(self._api)

    def list_leftovers(
        self, fleet: str, *, deadline: float
    ) -> tuple[CloudLeftover, ...]:
        """List volumes and flexible addresses with the fleet's tag and no server."""
        if not _VALUE.fullmatch(fleet):
            return ()
        with Deadline(deadline, NAME):
            return tuple(leftovers.list_leftovers(self._api, fleet))

    def delete_leftover(self, resource_id: str, *, deadline: float) -> None:
        """Delete a volume or a flexible address."""
        with Deadline(deadline, NAME):
            leftovers.delete_leftover(self._api, resource_id)

    def _merge(self, spec: CreateSpec) -> dict[str, Any]:
        return {**self.config.options, **spec.options}

    def _build(self, spec: CreateSpec) -> dict[str, Any]:
        return build_body(spec, self._merge(spec), project=self._api.project)

    def _show(self, item: dict[str, Any]) -> CloudInstance:
        return show_instance(item, self._address)

    def _one(self) -> dict[str, str]:
        return {"project": self._api.project, "per_page": "1", "page": "1"}

    def _select(self, name: str, value: str) -> list[CloudInstance]:
        """Return all servers that Scaleway has for a tag."""
        if not _VALUE.fullmatch(value):
            return []  # no tag of ours can have it
        query = {
            "project": self._api.project,
            "tags": write_tags({name: value})[0],
            # The oldest first, so that a new server shifts no other to a page before.
            "order": "creation_date_asc",
        }
        path = self._api.instance("servers")
        return [self._show(each) for each in self._api.entries(path, "servers", query)]


KIND: Final = Kind(
    name="scaleway",
    label=NAME,
    provider="scaleway",
    open=Scaleway,
    # Recorded servers are listed at once, but nothing promises a bound. So an
    # unanswered create gets the same two minutes as elsewhere.
    timings=Timings(),
    credentials=CREDENTIALS,
    account_options=OPTIONS,
    placement_options=OPTIONS,
    capacity_options=("placement_group", "disk_type"),
    check_options=check_options,
    capabilities=CAPABILITIES,
)
