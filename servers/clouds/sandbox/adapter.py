"""The port over the sandbox's driver."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar, Final

from libcloud.common.exceptions import BaseHTTPError
from libcloud.compute.base import Node

from servers.clouds.base import (
    FLEET_TAG,
    KEY_TAG,
    CloudConfig,
    CloudInstance,
    CloudLeftover,
    CloudListing,
    CreateSpec,
    Meaning,
    NoCapacityError,
    QuotaError,
)
from servers.clouds.capabilities import Capabilities, TagRules
from servers.clouds.catalogue import (
    Catalogue,
    OfferedImage,
    OfferedSize,
    Quota,
    make_catalogue,
)
from servers.clouds.kind import Kind
from servers.clouds.sandbox.behaviour import read_behaviour
from servers.clouds.sandbox.driver import SandboxNodeDriver
from servers.clouds.sandbox.options import (
    OPTIONS,
    WORLD_NAME,
    check_options,
    check_timings,
)
from servers.clouds.sandbox.world import World, world_path
from servers.clouds.timings import Timings
from servers.errors import InvalidError
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    MissingError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
    UnreachableError,
)
from servers.outgoing.fields import Field

STATUSES: Final = {
    "provisioning": Meaning.BOOTING,
    "booting": Meaning.BOOTING,
    "active": Meaning.RUNNING,
    "stopped": Meaning.STOPPED,
    "failed": Meaning.FAILED,
    "deleting": Meaning.ENDING,
    "terminated": Meaning.GONE,
}
_ON_ALREADY: Final = 409

# Short, so that a first look and a drill show everything within seconds. Processing and
# visibility together take less than a second unless an account sets more. Then it must
# also set a longer settle.
TIMINGS: Final = Timings(
    call=10, lease=25, settle=6, grace=8, lag=1, listing_busy=1, listing_idle=30
)


class Sandbox:
    """One region of one sandbox."""

    provider: ClassVar[str] = "sandbox"

    def __init__(self, config: CloudConfig, timings: Timings) -> None:
        self.timings = timings
        name = str(config.options.get("world") or config.account_id)
        try:
            behaviour = read_behaviour(config.options)
        except (TypeError, ValueError) as error:
            raise InvalidError(f"The sandbox's options are wrong: {error}.") from None
        if not config.folder or not WORLD_NAME.fullmatch(name):
            raise InvalidError(
                "The name or folder of the sandbox's world is not valid."
            )
        self.finishes = behaviour.power_on
        self._driver = SandboxNodeDriver(
            World(world_path(config.folder, name)),
            behaviour,
            config.region,
            config.credentials.get("token", ""),
            str(config.options.get("expected_token", "")),
        )

    def fetch_identity(self, *, deadline: float) -> str:
        """Return the id with which the world was created."""
        with _translated():
            return self._driver.ex_get_identity()

    def create_instance(self, spec: CreateSpec, *, deadline: float) -> CloudInstance:
        """Create an instance."""
        with _translated():
            return _show(
                self._driver.create_node(
                    name=spec.name,
                    image=spec.image,
                    size=spec.size,
                    ex_tags=spec.tags,
                    ex_userdata=spec.user_data,
                    ex_spot=spec.spot,
                )
            )

    def finish(
        self, instance: CloudInstance, spec: CreateSpec, *, deadline: float
    ) -> CloudInstance:
        """Switch an instance on that was created stopped."""
        if instance.meaning is Meaning.RUNNING:
            return instance
        with _translated():
            try:
                node = self._driver.ex_power_on(instance.instance_id, spec.user_data)
            except BaseHTTPError as error:
                if error.code != _ON_ALREADY:
                    raise
                node = self._driver.ex_get_node(instance.instance_id)
            return _show(node)

    def check_create(self, spec: CreateSpec, *, deadline: float) -> tuple[str, ...]:
        """Raise what would prevent a create."""
        with _translated():
            self._driver.ex_check_create(spec.image, spec.size)
        return ()

    def catalogue(self, *, deadline: float) -> Catalogue:
        """Return the images and sizes. Any text is a region."""
        with _translated():
            images, sizes = self._driver.list_images(), self._driver.list_sizes()
        return make_catalogue(
            images=[
                OfferedImage(image.id, image.name, owner="sandbox") for image in images
            ],
            sizes=[OfferedSize(size.name) for size in sizes],
        )

    def list_quotas(self, *, deadline: float) -> tuple[Quota, ...]:
        """Return the limit of instances, if there is one."""
        with _translated():
            limit, used = self._driver.ex_get_quota()
        return (Quota("Instances", limit, used),) if limit else ()

    def find_instances(self, key: str, *, deadline: float) -> list[CloudInstance]:
        """Return the instances with this key, found by an index."""
        with _translated():
            found = [_show(node) for node in self._driver.list_nodes(ex_key=key)]
        return [instance for instance in found if instance.key == key]

    def list_instances(self, fleet: str, *, deadline: float) -> CloudListing:
        """Return the fleet's instances in this region, and the account's identity."""
        with _translated():
            nodes = self._driver.list_nodes(ex_fleet_tag=FLEET_TAG, ex_fleet=fleet)
        return CloudListing(
            tuple(shown for node in nodes if (shown := _show(node)).fleet == fleet),
            identity=self._driver.world.identity(),
        )

    def get_instance(self, instance_id: str, *, deadline: float) -> CloudInstance:
        """Return one instance."""
        with _translated():
            return _show(self._driver.ex_get_node(instance_id))

    def destroy_instance(self, instance_id: str, *, deadline: float) -> None:
        """Terminate one instance."""
        with _translated():
            self._driver.ex_destroy_node(instance_id)

    def check_destroy(self, *, deadline: float) -> None:
        """Raise CredentialsError if the token may not destroy."""
        with _translated():
            self._driver.ex_check_destroy()

    def list_leftovers(
        self, fleet: str, *, deadline: float
    ) -> tuple[CloudLeftover, ...]:
        """Return the volumes that the fleet's instances left behind."""
        with _translated():
            volumes = self._driver.ex_list_volumes(fleet, FLEET_TAG)
        return tuple(
            CloudLeftover(
                resource_id=volume.id,
                kind="volume",
                key=volume.tags.get(KEY_TAG, ""),
                fleet=fleet,
            )
            for volume in volumes
        )

    def delete_leftover(self, resource_id: str, *, deadline: float) -> None:
        """Delete a volume."""
        with _translated():
            self._driver.ex_delete_volume(resource_id)


def _show(node: Node) -> CloudInstance:
    status = node.extra["status"]
    return CloudInstance(
        instance_id=str(node.id),
        key=node.extra["key"],
        fleet=node.extra["tags"].get(FLEET_TAG, ""),
        name=node.name,
        raw_status=status,
        meaning=STATUSES.get(status, Meaning.UNCLEAR),
        address=next(iter(node.public_ips), ""),
        interrupted=node.extra["interrupted"],
    )


@contextmanager
def _translated() -> Iterator[None]:
    """Raise the port's errors for those of the driver."""
    try:
        yield
    except (BaseHTTPError, OSError, sqlite3.Error) as error:
        raise _translate(error) from None


def _translate(error: Exception) -> CallError:
    if isinstance(error, ConnectionRefusedError):
        return UnreachableError(f"The sandbox can't be reached: {error}.")
    if not isinstance(error, BaseHTTPError):
        return UnknownOutcomeError(f"The sandbox did not answer: {error}.")
    message = f"The sandbox answered {error.code}: {error.message}"
    match error.code:
        case 401:
            return CredentialsError(message)
        case 403:
            return QuotaError(message)
        case 404:
            return MissingError(message)
        case 422:
            return RefusedError(message, about=(error.headers or {}).get("about", ""))
        case 429:
            return ThrottledError(message, retry_after=1.0)
        case 507:
            return NoCapacityError(message)
        case _:
            return UnknownOutcomeError(message)


KIND: Final = Kind(
    name="sandbox",
    label="Sandbox (simulated)",
    provider="sandbox",
    open=Sandbox,
    timings=TIMINGS,
    credentials=(Field("token", "Token", "Any text will do.", secret=True),),
    account_options=OPTIONS,
    capabilities=Capabilities(
        tags=TagRules(most=53, own=3),
        finds_by_key=True,
        dry_run=True,
        catalogue=True,
        lists_all_images=True,
        lists_all_sizes=True,
        quota_per=frozenset(),  # all its instances
        image_owners="sandbox",
        image_owners_like="sandbox",
        spot=True,
    ),
    check_options=check_options,
    check_timings=check_timings,
    takes_endpoint=False,
    is_simulated=True,
    needs_region=False,
)
