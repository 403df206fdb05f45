"""A libcloud NodeDriver over a sandbox's world that behaves like a cloud's API.

It fails like libcloud's HTTP drivers: with a BaseHTTPError and a status, or a time-out
if there is no answer. Sleeps simulate the network. They happen outside the world's
transactions.
"""

import hashlib
import secrets
import time
from typing import Any, Final

from libcloud.common.exceptions import BaseHTTPError
from libcloud.compute.base import Node, NodeDriver, NodeImage, NodeSize
from libcloud.compute.types import NodeState

from servers.clouds.base import KEY_TAG
from servers.clouds.sandbox.behaviour import Behaviour
from servers.clouds.sandbox.records import Row, Volume
from servers.clouds.sandbox.refusals import (
    check_capacity,
    check_known,
    check_rate,
    check_rights,
    check_room,
    check_token,
    count_live,
)
from servers.clouds.sandbox.world import World

_STATES: Final = {
    "provisioning": NodeState.PENDING,
    "booting": NodeState.PENDING,
    "active": NodeState.RUNNING,
    "failed": NodeState.ERROR,
    "stopped": NodeState.STOPPED,
    "deleting": NodeState.STOPPING,
    "terminated": NodeState.TERMINATED,
}

# When an instance that nobody has switched on yet is switched on.
_NEVER: Final = float("inf")


class SandboxNodeDriver(NodeDriver):
    """One region of a sandbox."""

    name = "Sandbox"
    type = "sandbox"

    # Deliberately without NodeDriver.__init__, which opens an HTTP connection.
    def __init__(
        self, world: World, behaviour: Behaviour, region: str, token: str, expects: str
    ) -> None:
        self.world = world
        self.behaviour = behaviour
        self.region = region
        self.token = token
        self.expects = expects

    def ex_get_identity(self) -> str:
        """Return the account's id."""
        self._enter("identity")
        return self.world.identity()

    def create_node(  # type: ignore[override]
        self,
        *,
        name: str,
        image: str,
        size: str,
        ex_tags: dict[str, str],
        ex_userdata: str = "",
        ex_spot: bool = False,
    ) -> Node:
        """Create an instance. The request is recorded when it is sent."""
        call = self._enter("create")
        behaviour = self.behaviour
        if behaviour.strikes("timeout_before", call):
            self._hang()
        check_known(behaviour, image, size)
        now = time.time()
        made = now + behaviour.processing
        lost: dict[str, float] = {}
        if behaviour.strikes("vanish", call):
            end = made + behaviour.boot + behaviour.stale
            lost = {"gone_at": end, "forgotten_at": end}
        elif ex_spot and behaviour.strikes("interrupts", call):
            told = made + behaviour.boot + behaviour.stale
            end = told + behaviour.stale
            lost = {
                "interrupted_at": told,
                "gone_at": end,
                "forgotten_at": end + behaviour.listed,
            }
        if behaviour.power_on:
            boot: dict[str, float | None] = {"off_until": _NEVER}
        else:
            boot = behaviour.plan_boot(call, made)
        instance_id = f"sb-{secrets.token_hex(6)}"
        with self.world.writing() as connection:
            check_room(behaviour, connection, self.region, size, now)
            self.world.insert(
                connection,
                id=instance_id,
                region=self.region,
                name=name,
                image=image,
                size=size,
                tags=ex_tags,
                key=ex_tags.get(KEY_TAG, ""),
                sent_at=now,
                made_at=made,
                visible_at=made + behaviour.visibility,
                **boot,
                **lost,
            )
            # One that is created stopped gets it when it is switched on.
            if not behaviour.power_on:
                self.world.keep_user_data(connection, instance_id, ex_userdata)
        if behaviour.strikes("timeout_after", call):
            self._hang()
        time.sleep(max(0.0, made - time.time()) + behaviour.latency / 2)
        (row,) = self.world.select("id = ?", (instance_id,))
        return self._node(row, time.time())

    def ex_power_on(self, node_id: str, user_data: str) -> Node:
        """Switch an instance on that was created stopped. Raise 409 if it is on."""
        call = self._enter("power_on")
        behaviour = self.behaviour
        if behaviour.strikes("timeout_before", call):
            self._hang()
        row = self._find(node_id)
        on = time.time() + behaviour.processing
        values = behaviour.plan_boot(call, on) | {
            "off_until": on,
            "user_data_sha256": hashlib.sha256(user_data.encode()).hexdigest(),
        }
        with self.world.writing() as connection:
            check_capacity(behaviour, self.region, row.size)
            switched = self.world.update(
                connection, values, "id = ? AND off_until = ?", (row.id, _NEVER)
            )
            if switched:
                self.world.keep_user_data(connection, row.id, user_data)
        if behaviour.strikes("timeout_after", call):
            self._hang()
        time.sleep(behaviour.latency / 2)
        if not switched:
            raise BaseHTTPError(409, f"The instance {node_id} is on already.")
        return self._node(self._find(node_id), time.time())

    def ex_check_create(self, image: str, size: str) -> None:
        """Raise what ``create_node`` would raise, without creating anything."""
        self._enter("check_create", allows="create")
        check_known(self.behaviour, image, size)
        with self.world.writing() as connection:
            check_room(self.behaviour, connection, self.region, size, time.time())

    def list_images(self) -> list[NodeImage]:  # type: ignore[override]
        """Return the images."""
        self._enter("list_images", allows="list")
        return [NodeImage(name, name, self) for name in self.behaviour.images]

    def list_sizes(self) -> list[NodeSize]:  # type: ignore[override]
        """Return the sizes, of which only the names are known."""
        self._enter("list_sizes", allows="list")
        return [
            NodeSize(name, name, 0, 0, None, 0, self) for name in self.behaviour.sizes
        ]

    def list_nodes(
        self, *, ex_fleet_tag: str = "", ex_fleet: str = "", ex_key: str = ""
    ) -> list[Node]:
        """Return the instances in this region, of a fleet or with a key."""
        call = self._enter("find" if ex_key else "list")
        if self.behaviour.strikes("partial_listing", call) and not ex_key:
            raise BaseHTTPError(503, "A page of the listing failed.")
        now = time.time()
        if self.behaviour.strikes("stale_listing", call):
            now -= self.behaviour.stale
        where = (
            "region = ? AND visible_at <= ? AND (forgotten_at IS NULL OR "
            "forgotten_at > ?)"
        )
        values: tuple[Any, ...] = (self.region, now, now)
        if ex_key:
            where, values = f"{where} AND key = ?", (*values, ex_key)
        return [
            self._node(row, now)
            for row in self.world.select(where, values)
            if not ex_fleet or row.tags.get(ex_fleet_tag) == ex_fleet
        ]

    def ex_get_node(self, node_id: str) -> Node:
        """Return one instance. Raise 404 if it is not visible."""
        self._enter("get")
        return self._node(self._find(node_id), time.time())

    def ex_destroy_node(self, node_id: str) -> None:
        """Destroy an instance by its id."""
        call = self._enter("destroy")
        row = self._find(node_id)
        now = time.time()
        behaviour = self.behaviour
        start = now + behaviour.processing
        if behaviour.strikes("slow_destroy", call):
            start += behaviour.stale
        gone = start + behaviour.destroying
        with self.world.writing() as connection:
            connection.execute(
                "UPDATE instances SET deleting_at = ?, gone_at = ?, forgotten_at = ? "
                "WHERE id = ? AND deleting_at IS NULL",
                (start, gone, gone + behaviour.listed, row.id),
            )
            self.world.keep_user_data(connection, row.id, "")
            if behaviour.strikes("leaves_volume", call):
                self.world.leave_volume(connection, row, gone)
        time.sleep(behaviour.latency / 2)

    def ex_check_destroy(self) -> None:
        """Raise what would prevent a destroy, without destroying anything."""
        self._enter("check_destroy", allows="destroy")

    def ex_get_quota(self) -> tuple[float, int]:
        """Return the quota, or 0 for none, and how many instances count against it."""
        self._enter("quota", allows="list")
        with self.world.writing() as connection:
            return self.behaviour.quota, count_live(connection, time.time())

    def ex_list_volumes(self, fleet: str, fleet_tag: str) -> list[Volume]:
        """Return a fleet's unused volumes in this region."""
        self._enter("list_volumes")
        return [
            volume
            for volume in self.world.volumes(self.region, time.time())
            if volume.tags.get(fleet_tag) == fleet
        ]

    def ex_delete_volume(self, volume_id: str) -> None:
        """Delete a volume. It is no error if it does not exist."""
        self._enter("delete_volume")
        self.world.delete_volume(volume_id)

    def _enter(self, operation: str, *, allows: str = "") -> int:
        """Count the call, and refuse it if the cloud would. Return its number.

        ``allows`` is the operation that the token must allow, by default this one.
        """
        behaviour = self.behaviour
        now = time.time()
        call = self.world.count_call(operation, self.region, now)
        if behaviour.strikes("unreachable", call):
            raise ConnectionRefusedError("no connection")
        time.sleep(behaviour.latency / 2)
        check_token(self.token, self.expects)
        check_rights(behaviour, self.region, allows or operation)
        check_rate(behaviour, self.world, operation, call, now)
        if behaviour.strikes("server_error", call):
            raise BaseHTTPError(503, "The service failed.")
        if behaviour.strikes("slow", call):
            time.sleep(behaviour.hang)
        return call

    def _hang(self) -> None:
        time.sleep(self.behaviour.hang)
        raise TimeoutError("timed out")

    def _find(self, node_id: str) -> Row:
        now = time.time()
        rows = self.world.select(
            "id = ? AND region = ? AND visible_at <= ? AND "
            "(forgotten_at IS NULL OR forgotten_at > ?)",
            (node_id, self.region, now, now),
        )
        if not rows:
            raise BaseHTTPError(404, f"There is no instance {node_id}.")
        return rows[0]

    def _node(self, row: Row, now: float) -> Node:
        status = row.status(now)
        address = row.address(now)
        return Node(
            id=row.id,
            name=row.name,
            state=_STATES[status],
            public_ips=[address] if address else [],
            private_ips=[],
            driver=self,
            extra={
                "status": status,
                "tags": row.tags,
                "key": row.key,
                "interrupted": row.interrupted_at is not None
                and now >= row.interrupted_at,
            },
        )
