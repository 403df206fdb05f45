"""What the plans of several pools read, all of it together.

Most of what a plan costs is its queries, so pools that are due at once are read with as
many queries as one. Each plan is pure from then on.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from servers.lifecycle.pools.demand import Demand
from servers.lifecycle.pools.members import Member
from servers.lifecycle.pools.memo import load_memo
from servers.lifecycle.pools.plan import Plan, plan
from servers.lifecycle.pools.plan import Pool as PoolView
from servers.lifecycle.pools.sharing import (
    Claim,
    Division,
    divide_room,
    is_kept,
    limit_pool,
    make_claim,
)
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
from servers.pools.rivals import read_rivals
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


@dataclass(frozen=True, slots=True)
class _First:
    """A plan that knows of no other pool, and what it was made from."""

    view: PoolView
    demand: Demand | None
    members: tuple[Member, ...]
    planned: Plan


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
    _firsts: dict[UUID, _First | Exception] = field(default_factory=dict)
    _claims: dict[str, Claim] = field(default_factory=dict)
    # Until a plan differs from it.
    _division: Division | None = None
    _knows_rivals: bool = False

    def plan(self, pool: Pool) -> Plan:
        """Return the plan of one of the pools, within its share of the caps.

        One query at most, whatever the number of pools: for those that are not of the
        batch, if a cap is reached or could be. Raises whatever keeps the snapshot of
        its queue from being divided.
        """
        if not self._firsts:
            for each in self.pools:
                self._firsts[each.pk] = self._plan_first(each)
        first = self._firsts[pool.pk]
        if isinstance(first, Exception):
            raise first
        planned, claim = first.planned, self._claims.get(pool.name)
        is_full = not first.view.bounds.room or not self.rooms.count(pool.template_id)
        if claim is None or not (claim.asked or (is_full and claim.servers)):
            return planned
        self._read_rivals()
        now = self.now.timestamp()
        if self._division is None:
            self._division = divide_room(self._claims, self.rooms.left, now)
        share = self._division.find_share(pool.name)
        room = self.rooms.count(pool.template_id)  # 0 if its account is disabled
        share = replace(share, room=min(share.room, room))
        if is_kept(planned, share):
            return planned
        view = limit_pool(first.view, share)
        return plan(view, first.demand, first.members, now)

    def _plan_first(self, pool: Pool) -> _First | Exception:
        try:
            first = self._see(pool)
        except Exception as error:  # noqa: BLE001 - raised for this pool alone
            return error
        if not pool.dry:
            # A dry one takes nothing from anybody.
            caps = self.rooms.find_caps(pool.template_id)
            self._claims[pool.name] = make_claim(
                first.view, first.planned, first.members, caps, self.now.timestamp()
            )
        return first

    def _see(self, pool: Pool) -> _First:
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
        planned = plan(view, demand, members, self.now.timestamp())
        return _First(view, demand, members, planned)

    def _read_rivals(self) -> None:
        if not self._knows_rivals:
            self._knows_rivals = True
            own = [pool.pk for pool in self.pools]
            self._claims |= read_rivals(own, self.fleet, self.rooms)

    def take(self, pool: Pool, planned: Plan) -> None:
        """Note that a plan was carried out: the rest of the batch sees what is left."""
        self.rooms.take(pool.template_id, planned.create)
        given = self._division.given if self._division else {}
        if planned.create != given.get(pool.name):
            self._division = None
        if claim := self._claims.get(pool.name):
            self._claims[pool.name] = replace(
                claim,
                servers=claim.servers + planned.create,
                asked=planned.figures.get("short", 0),
            )

    def drop(self, pool: Pool) -> None:
        """Note that a plan was refused, and count again what the caps allow.

        The pool is planned again in a while: what it asks for is left to the rest of
        the batch. Four queries at most.
        """
        self._claims.pop(pool.name, None)
        self._division = None
        self.rooms = count_rooms(_list_templates(self.pools), self.fleet)


def read_batch(pool_pks: Collection[UUID]) -> Batch:
    """Read the pools that are enabled, those with the fewest servers first.

    At most thirteen queries, whatever there is.
    """
    rows = Pool.objects.select_related("queue", "template").only(*_READ)
    return gather_batch(rows.filter(pk__in=pool_pks, enabled=True).order_by("pk"))


def gather_batch(
    given: Iterable[Pool], shares: Mapping[UUID, Shares | Exception] | None = None
) -> Batch:
    """Read what the plans of these pools depend on, and ``shares`` unless given."""
    pools = list(given)
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
        shares=_read_shares(pools) if shares is None else shares,
    )


def _read_shares(pools: Iterable[Pool]) -> dict[UUID, Shares | Exception]:
    return read_shares({pool.queue_id: pool.queue for pool in pools}.values())


def _list_templates(pools: Iterable[Pool]) -> Collection[Template]:
    return {pool.template_id: pool.template for pool in pools}.values()


def _has(pool: Pool, name: str) -> bool:
    """Tell whether a pool's policy may have a setting, however it is stored."""
    return isinstance(pool.policy, Mapping) and bool(pool.policy.get(name))
