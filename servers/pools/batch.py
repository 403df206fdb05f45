"""What the plans of several pools read, all of it together.

Most of what a plan costs is its queries, so pools that are due at once are read with as
many queries as one. Each plan is pure from then on.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from servers.lifecycle.pools.memo import load_memo
from servers.lifecycle.pools.plan import Plan, plan
from servers.lifecycle.pools.plan import Pool as PoolView
from servers.models import Fleet, Pool, Template
from servers.operations.pools import read_policy
from servers.placing.caps import Rooms, count_rooms
from servers.placing.location_gate import limits_in_force
from servers.pools.bounds import find_bounds
from servers.pools.matching import Shares, read_shares
from servers.pools.members import (
    Known,
    Row,
    count_uses,
    find_early,
    read_members,
    show_members,
)
from servers.records.ledger import read_fleet
from servers.reports.costs import Spending, load_pool_spending

# The jobs of a queue are divided among all of its pools at once: see matching.py.
_OWN: Final = (
    *("name", "policy", "dry", "frozen", "memo", "fence"),
    *("planned_at", "figures", "totals"),
)
_OF_QUEUE: Final = (
    *("enabled", "read_from", "answered_at", "expires_at", "complete", "paused"),
    *("names_servers", "agents"),
)
_OF_TEMPLATE: Final = ("name", "capacity", "max_servers")
_READ: Final = (
    *_OWN,
    *(f"queue__{name}" for name in _OF_QUEUE),
    *(f"template__{name}" for name in _OF_TEMPLATE),
)


@dataclass(slots=True)
class Batch:
    """Pools as they were read, and all that their plans depend on.

    ``now`` is the database's time, read after the pools. ``members`` and ``spending``
    are by pool, ``uses`` by server and ``shares`` by queue.
    ``early`` names the servers that failed soon after they had become ready.
    """

    pools: Sequence[Pool]
    fleet: Fleet
    now: datetime
    rooms: Rooms
    spending: Spending
    members: Mapping[UUID, Sequence[Row]]
    uses: Mapping[str, int]
    early: Collection[str]
    shares: Mapping[UUID, Shares | Exception]

    def plan(self, pool: Pool) -> Plan:
        """Return the plan of one of the pools. No query.

        Raises whatever keeps the snapshot of its queue from being divided.
        """
        memo = load_memo(pool.memo)
        policy = read_policy(pool.policy, slots=pool.template.capacity)
        shares = self.shares.get(pool.queue_id)
        if isinstance(shares, Exception):
            raise shares
        view = PoolView(
            policy=policy,
            memo=memo,
            bounds=find_bounds(pool, policy, self.fleet, self.rooms, self.spending),
            frozen=pool.frozen or self.fleet.destroys_frozen,
            seen=shares.see_running(pool) if shares and pool.dry else None,
        )
        known = Known(
            cordoned=memo.cordoned_at,
            uses=self.uses if policy.max_uses else {},
            busy=pool.queue.agents,
            early=self.early,
        )
        members = show_members(self.members.get(pool.pk, ()), known)
        demand = None
        if shares:
            demand = shares.find_demand(pool, [member.name for member in members])
        return plan(view, demand, members, self.now.timestamp())

    def count_rooms(self) -> None:
        """Count again what the caps allow. Four queries at most."""
        self.rooms = count_rooms(_list_templates(self.pools), self.fleet)


def read_batch(pool_pks: Collection[UUID]) -> Batch:
    """Read the pools that are enabled, those with the fewest servers first.

    So of pools that share a cap, a small one gets what is left of it before one that
    floods. At most thirteen queries, whatever there is.
    """
    rows = Pool.objects.select_related("queue", "template").only(*_READ)
    pools = list(rows.filter(pk__in=pool_pks, enabled=True).order_by("pk"))
    fleet, now = read_fleet()
    members = read_members([pool.pk for pool in pools])
    pools.sort(key=lambda pool: len(members.get(pool.pk, ())))
    return Batch(
        pools=pools,
        fleet=fleet,
        now=now,
        rooms=count_rooms(_list_templates(pools), fleet),
        # Not every pool needs these, and they take a query each.
        spending=load_pool_spending(
            [pool.pk for pool in pools if _has(pool, "cost_per_day")], now=now
        ),
        members=members,
        early=find_early(members, limits_in_force()),
        uses=count_uses([pool for pool in pools if _has(pool, "max_uses")]),
        shares=read_shares({pool.queue_id: pool.queue for pool in pools}.values()),
    )


def _list_templates(pools: Iterable[Pool]) -> Collection[Template]:
    return {pool.template_id: pool.template for pool in pools}.values()


def _has(pool: Pool, name: str) -> bool:
    """Tell whether a pool's policy may have a setting, however it is stored."""
    return isinstance(pool.policy, Mapping) and bool(pool.policy.get(name))
