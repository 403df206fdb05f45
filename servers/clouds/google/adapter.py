"""The port over Google Compute Engine: one region of one project."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar, Final

from servers.clouds.base import (
    FLEET_TAG,
    KEY_TAG,
    CloudConfig,
    CloudInstance,
    CloudLeftover,
    CloudListing,
    CreateSpec,
    Meaning,
    UnfinishedError,
)
from servers.clouds.catalogue import Catalogue, ImageQuery, OfferedImage, Quota
from servers.clouds.google.api import Api, Zones, open_api
from servers.clouds.google.checks import check_deleting, check_parts, check_rights
from servers.clouds.google.convert import (
    UNPLACED,
    is_in,
    read_insert,
)
from servers.clouds.google.errors import NAME, explain_operation
from servers.clouds.google.finding import find_failed, find_one, list_left, select
from servers.clouds.google.launch import (
    CAPABILITIES,
    VALUE,
    build_body,
    check_spec,
    read_request_id,
)
from servers.clouds.google.offers import find_images, read_catalogue, read_quotas
from servers.clouds.google.operations import (
    find_insert,
    list_operations,
    weigh_failure,
)
from servers.clouds.google.options import OPTIONS, check_options
from servers.clouds.google.tokens import (
    CREDENTIALS,
    check_credentials,
    find_token,
    forget_token,
)
from servers.clouds.kind import Kind
from servers.clouds.opening import check_region
from servers.clouds.timings import Timings
from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import CredentialsError, MissingError, RefusedError
from servers.outgoing.looking import reading_one, reading_whole
from servers.outgoing.rest import refusing_missing

_REGION: Final = re.compile(r"[a-z]+(?:-[a-z]+)+[0-9]{1,3}")
_NAME: Final = re.compile("[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?")
# An instance gets its resources within seconds, or its insert fails within two minutes.
# Most are shown by a listing before the next look, which is then not needed.
_LISTINGS: Final = 2
_zones: Final = Zones()


class Google:
    """One region of one project."""

    provider: ClassVar[str] = "google"
    # The insert can still fail after its answer, which only its operation tells.
    finishes = True

    def __init__(self, config: CloudConfig, timings: Timings) -> None:
        check_region(
            config,
            _REGION,
            like="europe-west1",
            more="A zone is an option of the account or the placement.",
        )
        self.config = config
        self.timings = timings
        self._address = str(config.options.get("address") or "")

    def fetch_identity(self, *, deadline: float) -> str:
        """Return the project's id."""
        with self._calling(deadline) as api, reading_whole():
            project = api.get()
            return reading.text(project, "name") or api.project

    def create_instance(self, spec: CreateSpec, *, deadline: float) -> CloudInstance:
        """Call instances.insert for one instance, whose name is the key."""
        options = self._merge_options(spec)
        check_spec(spec, options)
        with self._calling(deadline) as api, refusing_missing():
            zone = _zones.choose(api, spec.key, wanted=str(options.get("zone") or ""))
            reply = api.client.ask(
                "POST",
                api.path("zones", zone, "instances"),
                query={"requestId": read_request_id(spec.token)},
                data=build_body(spec, options, zone=zone),
                hide=(spec.user_data,),
            )
            return read_insert(reply.need_object(), spec, zone)

    def finish(
        self, instance: CloudInstance, spec: CreateSpec, *, deadline: float
    ) -> CloudInstance:
        """Look at the insert's operation until the instance has its resources.

        There is nothing to do for it. But an operation that failed means that there
        will be no instance.
        """
        if instance.meaning is Meaning.STOPPED:
            said = instance.fault or "It stopped before the server was ready."
            return replace(instance, meaning=Meaning.FAILED, fault=said)
        if instance.raw_status not in UNPLACED:
            return instance
        zone, name = self._split(instance.instance_id)
        try:
            with self._calling(deadline) as api:
                insert = find_insert(list_operations(api, zone, name))
        except RefusedError:
            # The look was refused, not the instance. Listings tell the rest.
            return instance
        if insert is None:
            raise MissingError(f"{NAME} shows no insert of {name} yet.")
        error = explain_operation(insert)
        if error is not None:
            with refusing_missing():
                return weigh_failure(error, instance)
        if reading.text(insert, "status") == "DONE":
            return instance
        raise UnfinishedError(
            "Google has accepted the instance, and is looking for capacity.",
            retry_after=self.timings.listing_busy * _LISTINGS,
        )

    def check_create(self, spec: CreateSpec, *, deadline: float) -> tuple[str, ...]:
        """Test the rights, and look up what an insert refers to."""
        options = self._merge_options(spec)
        check_spec(spec, options)
        with self._calling(deadline) as api, refusing_missing():
            zone = _zones.choose(api, spec.key, wanted=str(options.get("zone") or ""))
            body = build_body(spec, options, zone=zone)
            untested = check_rights(api, body, endpoint=self.config.endpoint)
            parts = check_parts(api, body, zone=zone)
        return (*([untested] if untested else ()), *parts)

    def catalogue(self, *, deadline: float) -> Catalogue:
        """List regions, machine types and images."""
        with self._calling(deadline) as api, reading_whole():
            zone = str(self.config.options.get("zone") or "")
            return read_catalogue(api, _zones, zone=zone)

    def find_images(
        self, query: ImageQuery, *, deadline: float
    ) -> tuple[OfferedImage, ...]:
        """Get images by their paths, or list those of a project."""
        with self._calling(deadline) as api, refusing_missing():
            return find_images(api, query)

    def list_quotas(self, *, deadline: float) -> tuple[Quota, ...]:
        """Read the quotas of the project and the region."""
        with self._calling(deadline) as api, reading_whole():
            return read_quotas(api.get(), api.get("regions", self.config.region))

    def find_instances(self, key: str, *, deadline: float) -> list[CloudInstance]:
        """List the instances with the key's label, in any zone of the region.

        If there is none, look for an insert that failed: then there will be none.
        """
        if not _NAME.fullmatch(key):
            return []  # no instance can have it
        with self._calling(deadline) as api, reading_whole():
            found, _ = select(api, KEY_TAG, key, address=self._address)
            mine = [each for each in found if each.key == key]
            return mine or find_failed(api, _zones, key)

    def list_instances(self, fleet: str, *, deadline: float) -> CloudListing:
        """List the instances with the fleet's label, all pages of all zones.

        If spot instances are ending, ask whether Google took them back.
        """
        if not fleet or not re.fullmatch(VALUE, fleet):
            return CloudListing(())  # no label can have it
        with self._calling(deadline) as api, reading_whole():
            found, identity = select(api, FLEET_TAG, fleet, address=self._address)
        mine = tuple(each for each in found if each.fleet == fleet)
        return CloudListing(mine, identity=identity)

    def get_instance(self, instance_id: str, *, deadline: float) -> CloudInstance:
        """Get one instance. Of one that is missing, its operations may tell more."""
        zone, name = self._split(instance_id)
        with self._calling(deadline) as api, reading_one():
            return find_one(api, zone, name, address=self._address)

    def destroy_instance(self, instance_id: str, *, deadline: float) -> None:
        """Delete one instance. Its disk goes with it."""
        zone, name = self._split(instance_id)
        with self._calling(deadline) as api:
            api.client.ask("DELETE", api.path("zones", zone, "instances", name))

    def check_destroy(self, *, deadline: float) -> None:
        """Delete an instance that does not exist."""
        with self._calling(deadline) as api:
            zone = str(self.config.options.get("zone") or "") or _zones.find(api)[0]
            check_deleting(api, zone=zone)

    def list_leftovers(
        self, fleet: str, *, deadline: float
    ) -> tuple[CloudLeftover, ...]:
        """List disks and static addresses with the fleet's label that are not in use.

        ServerFleet creates no static addresses: they are those that a server's own
        boot created and labelled.
        """
        if not fleet or not re.fullmatch(VALUE, fleet):
            return ()
        with self._calling(deadline) as api, reading_whole():
            return list_left(api, fleet)

    def delete_leftover(self, resource_id: str, *, deadline: float) -> None:
        """Delete a disk or a static address."""
        kind, _, rest = resource_id.partition("/")
        place, _, name = rest.partition("/")
        where = {"disk": ("zones", "disks"), "address": ("regions", "addresses")}
        if kind not in where or not is_in(place, self.config.region):
            return
        places, kinds = where[kind]
        with self._calling(deadline) as api:
            try:
                api.client.ask("DELETE", api.path(places, place, kinds, name))
            except MissingError:
                return  # gone already

    def _merge_options(self, spec: CreateSpec) -> dict[str, Any]:
        return {**self.config.options, **spec.options}

    def _is_here(self, place: str) -> bool:
        """Tell whether a zone, or the region itself, belongs to this location."""
        region = self.config.region
        return place == region or place.rpartition("-")[0] == region

    def _split(self, instance_id: str) -> tuple[str, str]:
        """Return an instance's zone and name. Raise MissingError."""
        zone, _, name = instance_id.partition("/")
        if not name or "/" in name or not is_in(zone, self.config.region):
            raise MissingError(
                f"{NAME} has no instance {instance_id!r} in {self.config.region}."
            )
        return zone, name

    @contextmanager
    def _calling(self, deadline: float) -> Iterator[Api]:
        """Open the API for one call of the port."""
        config = self.config
        with Deadline(deadline, NAME):
            token = find_token(config)
            project = config.credentials.get("project") or token.project
            if not project:
                raise CredentialsError("The project is unknown. Enter its id.")
            try:
                yield open_api(
                    endpoint=config.endpoint,
                    token=token.text,
                    project=project,
                    region=config.region,
                )
            except CredentialsError:
                forget_token(config)
                raise


KIND: Final = Kind(
    name="google",
    label=NAME,
    provider="google",
    open=Google,
    # An insert was recorded to fail up to 96 seconds after its answer, and its instance
    # to be shown for a while before. No delay of the listings is known. So an
    # unanswered create gets three minutes.
    timings=Timings(settle=180.0),
    credentials=CREDENTIALS,
    check_credentials=check_credentials,
    asks_for="a service account's key, or the machine's service account",
    account_options=OPTIONS,
    placement_options=OPTIONS,
    capacity_options=("zone", "reservation"),
    check_options=check_options,
    capabilities=CAPABILITIES,
)
