"""What holds the end of servers that are of no more use: their pools, or the fleet."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from servers.lifecycle.states import State
from servers.models import Fleet, Host, Pool, Server


class Stops:
    """What is known of the pools of servers whose agents are spent.

    They are read with one query, if there is any such server.
    """

    def __init__(
        self, servers: Iterable[Server], hosts: Mapping[UUID, Host], fleet: Fleet
    ) -> None:
        self.fleet = fleet
        self._pools: dict[UUID, Pool] = {}
        self._read(each for each in servers if _is_spent(each, hosts.get(each.pk)))

    def explain_kept(self, server: Server, host: Host | None) -> str:
        """Return why a spent server is kept, as a sentence, or ""."""
        if not _is_spent(server, host):
            return ""
        if self.fleet.destroys_frozen:
            return "It is kept, because destroying is frozen for the whole fleet."
        if server.pool_id is None:
            return ""
        if server.pool_id not in self._pools:
            self._read([server])  # a look has just shown that it is
        return _explain_pool(self._pools.get(server.pool_id))

    def _read(self, servers: Iterable[Server]) -> None:
        if ids := {each.pool_id for each in servers if each.pool_id is not None}:
            self._pools |= Pool.objects.in_bulk(ids)


def _is_spent(server: Server, host: Host | None) -> bool:
    is_known = host is not None and host.agent_spent_at is not None
    return is_known and server.state == State.RUNNING


def _explain_pool(pool: Pool | None) -> str:
    if pool is None:
        return ""
    if pool.frozen:
        return f"It is kept, because its pool {pool.name} is frozen."
    if pool.enabled and not pool.dry:
        return ""
    what = "dry" if pool.dry else "disabled"
    return f"It is kept, because its pool {pool.name} is {what}. Terminate it yourself."
