"""The port over Azure: one region of one subscription, and one resource group."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar, Final

from servers.clouds.azure.api import COMPUTE, Api, open_api
from servers.clouds.azure.checks import check_deleting, check_parts, check_rights
from servers.clouds.azure.convert import (
    explain_failure,
    is_in,
    is_placed,
    show_instance,
    split_id,
    wants_address,
)
from servers.clouds.azure.errors import NAME, GroupMissingError
from servers.clouds.azure.launch import CAPABILITIES, build_body
from servers.clouds.azure.leftovers import delete_leftover, list_leftovers
from servers.clouds.azure.machines import get_machine, is_name, split_instance
from servers.clouds.azure.network import (
    AddressBook,
    Addresses,
    find_addresses,
    get_addresses,
)
from servers.clouds.azure.offers import find_images, read_catalogue, read_quotas
from servers.clouds.azure.options import ACCOUNT_OPTIONS, OPTIONS, check_options
from servers.clouds.azure.tokens import CREDENTIALS, check_credentials, find_token
from servers.clouds.base import (
    CloudConfig,
    CloudInstance,
    CloudLeftover,
    CloudListing,
    CreateSpec,
    Meaning,
    UnfinishedError,
)
from servers.clouds.catalogue import Catalogue, ImageQuery, OfferedImage, Quota
from servers.clouds.kind import Kind
from servers.clouds.opening import check_region
from servers.clouds.timings import Timings
from servers.outgoing import reading
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    MissingError,
    RefusedError,
)
from servers.outgoing.looking import reading_one, reading_whole
from servers.outgoing.rest import refusing_missing

_REGION: Final = re.compile("[a-z][a-z0-9]{2,39}")
# Machines whose failure a listing looks up. More at once fail for the same reason.
_MOST_FAILED: Final = 5
_book: Final = AddressBook()


class Azure:
    """One region of one subscription's resource group."""

    provider: ClassVar[str] = "azure"
    # Azure looks for capacity only after its answer to the PUT.
    finishes = True

    def __init__(self, config: CloudConfig, timings: Timings) -> None:
        check_region(
            config,
            _REGION,
            like="westeurope",
            more="A zone is an option of the account or the placement.",
        )
        self.config = config
        self.timings = timings
        self._address = str(config.options.get("address") or "")

    def fetch_identity(self, *, deadline: float) -> str:
        """Return the subscription's id."""
        with self._calling(deadline) as api, reading_whole():
            try:
                found = api.get(api.root())
            except MissingError as error:
                raise CredentialsError(error.message) from None
            return reading.text(found, "subscriptionId").lower() or api.subscription

    def create_instance(self, spec: CreateSpec, *, deadline: float) -> CloudInstance:
        """Put one virtual machine, whose name is the key, with all that it needs."""
        options = {**self.config.options, **spec.options}
        api = open_api(self.config)
        body = build_body(spec, options, api)
        with Deadline(deadline, NAME), refusing_missing():
            reply = api.ask(
                "PUT",
                api.in_group(COMPUTE, "virtualMachines", spec.key),
                data=body,
                version=api.create_version,
                # It never changes a machine that exists already.
                headers={"If-None-Match": "*"},
                hide=(spec.user_data, _read_custom_data(body)),
            )
            return self._show(reply.need_object(), api)

    def finish(
        self, instance: CloudInstance, spec: CreateSpec, *, deadline: float
    ) -> CloudInstance:
        """Look at the machine until Azure has found a host for it.

        There is nothing to do for it. But a machine that failed is never placed.
        """
        group, name = split_instance(instance.instance_id)
        if instance.meaning is Meaning.RUNNING:
            return instance
        with self._calling(deadline) as api:
            try:
                item = get_machine(api, group, name)
            except RefusedError:
                # The look was refused, not the instance. Listings tell the rest.
                return instance
            error = explain_failure(item)
            if error is not None and isinstance(error, RefusedError):
                raise error
            if not is_placed(item):
                raise UnfinishedError(
                    "Azure has accepted the instance, and is looking for capacity.",
                    retry_after=self.timings.listing_busy,
                )
            shown = self._show(item, api)
        return replace(shown, address=shown.address or instance.address)

    def check_create(self, spec: CreateSpec, *, deadline: float) -> tuple[str, ...]:
        """Test the rights, and look up what a create refers to."""
        options = {**self.config.options, **spec.options}
        body = build_body(spec, options, open_api(self.config))
        with self._calling(deadline) as api, refusing_missing():
            untested = check_rights(api, body)
            parts = check_parts(api, body)
        return (*([untested] if untested else ()), *parts)

    def catalogue(self, *, deadline: float) -> Catalogue:
        """List regions, sizes and well-known images."""
        with self._calling(deadline) as api, reading_whole():
            return read_catalogue(api)

    def find_images(
        self, query: ImageQuery, *, deadline: float
    ) -> tuple[OfferedImage, ...]:
        """Get images by their ids, or the newest version of one."""
        with self._calling(deadline) as api:
            return find_images(api, query)

    def list_quotas(self, *, deadline: float) -> tuple[Quota, ...]:
        """Read the quotas of the subscription in the region."""
        with self._calling(deadline) as api, reading_whole():
            return read_quotas(api.entries(api.in_location("usages")))

    def find_instances(self, key: str, *, deadline: float) -> list[CloudInstance]:
        """Get the machine whose name is the key."""
        if not is_name(key):
            return []  # no machine can have it
        with self._calling(deadline) as api, reading_whole():
            try:
                item = get_machine(api, api.group, key)
            except GroupMissingError as error:
                raise CredentialsError(error.message) from None
            except MissingError:
                return []
            found = self._show_whole(item, api)
        return [found] if found.key == key else []

    def list_instances(self, fleet: str, *, deadline: float) -> CloudListing:
        """List the machines of the resource group, all pages of them.

        Azure can't filter by region or tag, so that is done here. The addresses of new
        machines, and why machines failed, are looked up besides.
        """
        if not fleet:
            return CloudListing(())
        with self._calling(deadline) as api:
            items, identity = [], ""
            path = api.in_group(COMPUTE, "virtualMachines")
            for item in api.entries_of_group(path):
                identity = identity or split_id(reading.text(item, "id"))[0]
                shown = self._show(item, api)
                if shown.fleet == fleet and is_in(item, api.location):
                    items.append((item, shown))
            reachable = [
                item
                for item, shown in items
                if shown.meaning in {Meaning.BOOTING, Meaning.RUNNING}
            ]
            addresses = find_addresses(api, _book, reachable)
            found = {
                shown.instance_id: self._show(
                    item, api, addresses.get(reading.text(item, "id").lower())
                )
                for item, shown in items
            }
            self._explain_failed(api, found)
        return CloudListing(tuple(found.values()), identity=identity)

    def get_instance(self, instance_id: str, *, deadline: float) -> CloudInstance:
        """Get one machine, with the state that lists do not have."""
        group, name = split_instance(instance_id)
        with self._calling(deadline) as api, reading_one():
            return self._show_whole(get_machine(api, group, name), api)

    def destroy_instance(self, instance_id: str, *, deadline: float) -> None:
        """Delete one machine. Its interface, address and disk go with it."""
        group, name = split_instance(instance_id)
        with self._calling(deadline) as api:
            path = api.in_group(COMPUTE, "virtualMachines", name, group=group)
            if api.ask("DELETE", path).status == 204:
                raise MissingError(f"{NAME} has no instance {instance_id!r}.")

    def check_destroy(self, *, deadline: float) -> None:
        """Delete a machine that does not exist."""
        with self._calling(deadline) as api:
            check_deleting(api)

    def list_leftovers(
        self, fleet: str, *, deadline: float
    ) -> tuple[CloudLeftover, ...]:
        """List disks, interfaces and addresses with the fleet's tag, not in use."""
        if not fleet:
            return ()
        with self._calling(deadline) as api:
            return tuple(list_leftovers(api, fleet))

    def delete_leftover(self, resource_id: str, *, deadline: float) -> None:
        """Delete a disk, an interface or an address."""
        with self._calling(deadline) as api:
            delete_leftover(api, resource_id)

    def _explain_failed(self, api: Api, found: dict[str, CloudInstance]) -> None:
        """Put into a listing why machines failed, which only they themselves tell."""
        failed = [each for each in found.values() if each.meaning is Meaning.FAILED]
        for each in failed[:_MOST_FAILED]:
            group, name = each.instance_id.split("/")
            try:
                shown = self._show(get_machine(api, group, name), api)
            except (CallError, TimeoutError):
                continue  # the listing is complete without it
            found[each.instance_id] = replace(
                each, fault=shown.fault, no_capacity=shown.no_capacity
            )

    def _show(
        self, item: Mapping[str, Any], api: Api, addresses: Addresses | None = None
    ) -> CloudInstance:
        wanted = wants_address(item, self._address)
        address = addresses.choose(wanted) if addresses is not None else ""
        return show_instance(item, group=api.group, address=address)

    def _show_whole(self, item: Mapping[str, Any], api: Api) -> CloudInstance:
        """Return a machine with its address, which is looked up if it is new."""
        try:
            addresses = get_addresses(api, _book, item)
        except RefusedError:
            addresses = None  # listings say so
        return self._show(item, api, addresses)

    @contextmanager
    def _calling(self, deadline: float) -> Iterator[Api]:
        """Open the API for one call of the port."""
        with Deadline(deadline, NAME):
            find_token(self.config)
            yield open_api(self.config)


def _read_custom_data(body: Mapping[str, Any]) -> str:
    return reading.text(body, "properties", "osProfile", "customData")


KIND: Final = Kind(
    name="azure",
    label=NAME,
    provider="azure",
    open=Azure,
    # No delay of its listings was recorded, and no bound for one is promised. Resource
    # Manager itself gives up a call to a provider after a minute, and may repeat it. So
    # an unanswered create gets three minutes. A subscription may list a few dozen times
    # a minute, whatever the number of its regions, so listings are twice as far apart.
    timings=Timings(settle=180.0, listing_busy=10.0),
    credentials=CREDENTIALS,
    check_credentials=check_credentials,
    asks_for="a subscription, and a service principal or the machine's identity",
    account_options=(*ACCOUNT_OPTIONS, *OPTIONS),
    placement_options=OPTIONS,
    capacity_options=("zone", "capacity_reservation"),
    check_options=check_options,
    capabilities=CAPABILITIES,
)
