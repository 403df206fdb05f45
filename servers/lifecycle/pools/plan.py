"""The plan of a pool: what to do now, and why.

It works by level, not by edge: each time it looks at all there is, and what it misses
once it sees the next time. What the queue does not show for sure changes nothing. A
server that is needed no more is first cordoned, and stopped only once a later snapshot
still shows it idle, since a job may have gone there meanwhile. All that a plan needs to
remember is in the memo, so that equal input gives an equal plan.
"""

import math
from dataclasses import dataclass, field, replace
from typing import Final

from servers.lifecycle.pools.boots import note_boots
from servers.lifecycle.pools.capacity import Capacity, count_capacity
from servers.lifecycle.pools.demand import Demand
from servers.lifecycle.pools.growth import NO_BOUNDS, Bounds, Growth, plan_growth
from servers.lifecycle.pools.members import Member
from servers.lifecycle.pools.memo import NO_MEMO, Memo, settle_memo
from servers.lifecycle.pools.policy import MINUTE, Policy
from servers.lifecycle.pools.shadow import Seen, Shadow, compare, say_shadow
from servers.lifecycle.pools.shrink import (
    Shrink,
    find_idle,
    find_reusable,
    plan_clearance,
    plan_shrink,
    plan_stops,
)
from servers.lifecycle.pools.unknown import explain_unknown, find_end

LONGEST_WAIT: Final = MINUTE  # until a pool is looked at again


@dataclass(frozen=True, slots=True)
class Pool:
    """What a plan needs to know of its pool.

    ``frozen`` holds its stops. ``seen`` is given if its plans are not carried out: then
    they say what they would do, compared with what is there.
    """

    policy: Policy
    memo: Memo = NO_MEMO
    bounds: Bounds = NO_BOUNDS
    frozen: bool = False
    seen: Seen | None = None

    @property
    def verb(self) -> str:
        """How its plans speak of what they do."""
        return "will" if self.seen is None else "would"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do. Servers are named.

    ``hold`` says that nothing may change. ``why`` are sentences. ``next_at`` is when to
    look again although nothing has changed.
    """

    create: int = 0
    uncordon: tuple[str, ...] = ()
    cordon: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    hold: bool = False
    why: tuple[str, ...] = ()
    memo: Memo = NO_MEMO
    next_at: float = math.inf
    figures: dict[str, int] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        """Whether it does anything."""
        return bool(self.create or self.uncordon or self.cordon or self.stop)


def plan(
    pool: Pool, demand: Demand | None, members: tuple[Member, ...], now: float
) -> Plan:
    """Return what a pool should do at ``now``. Pure."""
    policy = pool.policy.at(now)
    memo = settle_memo(pool.memo, now)
    unknown = explain_unknown(demand, memo, policy, now)
    if demand is None or unknown:
        return Plan(hold=True, why=(unknown,), memo=memo, next_at=now + LONGEST_WAIT)
    memo = note_boots(memo, members, now)
    found = count_capacity(policy, memo, demand, members, now)
    idle = find_idle(found, memo, members, demand)
    excess = pool.bounds.excess
    reusable = [] if excess else find_reusable(policy, found, now)
    growth = plan_growth(policy, memo, found, reusable, pool.bounds, now)
    if demand.paused and growth.asked:
        growth.create = growth.asked = 0
        growth.limits = ["the queue is paused"]
    kept = {member.name for member in growth.uncordon}
    stops = [m for m in plan_stops(memo, found, idle, demand) if m.name not in kept]
    failed = plan_clearance(policy, memo, members, now)
    shrink = Shrink()
    if not growth.create and not growth.uncordon:
        shrink = plan_shrink(policy, memo, found, idle, excess, now)
    if pool.frozen:
        stops, failed = [], []
    told = _Told(replace(memo, needed=()) if memo.needed else memo)
    if pool.seen is not None:
        told = _tell_shadow(compare(policy, memo, found, pool.seen, members, now), memo)
    return Plan(
        create=growth.create,
        uncordon=tuple(member.name for member in growth.uncordon),
        cordon=tuple(member.name for member in shrink.cordon),
        stop=tuple(member.name for member in (*stops, *failed)),
        why=(
            *_explain(pool.verb, policy, found, growth, shrink),
            *_explain_stops(pool, found, len(stops), len(failed)),
            *told.why,
        ),
        memo=_remember(told.memo, found, idle, growth, shrink, demand, now),
        next_at=min(
            now + LONGEST_WAIT,
            find_end(demand, policy),
            found.due_at,
            growth.retry_at,
            shrink.retry_at,
        ),
        figures={
            "waiting": found.waiting,
            "held": found.held,
            "passed": found.passed,
            "busy": found.busy,
            "free": found.free,
            "idle": found.idle,
            "booting": found.booting,
            "servers": found.total,
            "short": growth.asked - growth.create,
            "wanted": len(found.good) + len(growth.uncordon) + growth.wanted,
            **told.figures,
        },
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """What a comparison adds to a plan."""

    memo: Memo
    why: tuple[str, ...] = ()
    figures: dict[str, int] = field(default_factory=dict)


def _tell_shadow(shadow: Shadow, memo: Memo) -> _Told:
    figures = {"others": shadow.jobs, "would": shadow.would}
    if shadow.servers is not None:
        figures["other_servers"] = shadow.servers
    memo = replace(memo, needed=shadow.needed)
    return _Told(memo, (say_shadow(shadow),), figures)


def _remember(
    memo: Memo,
    found: Capacity,
    idle: dict[str, float],
    growth: Growth,
    shrink: Shrink,
    demand: Demand,
    now: float,
) -> Memo:
    freed = {member.name for member in growth.uncordon}
    cordoned = {
        member.name: memo.cordoned_at.get(member.name, now)
        for member in found.cordoned
        if member.name not in freed
    }
    cordoned |= {member.name: now for member in shrink.cordon}
    created = tuple(each for each in memo.created if now - each[0] < MINUTE)
    if growth.create:
        created = (*created, (now, growth.create))
    is_short = growth.asked > growth.create
    return replace(
        memo,
        seen_at=demand.at,
        idle_since=idle,
        cordoned_at=cordoned,
        passed_since=found.passed_since,
        created=created,
        created_at=now if growth.create else memo.created_at,
        # Not in the future, if the clock was set back.
        short_since=min(memo.short_since or now, now) if is_short else 0.0,
    )


def _explain(
    verb: str,
    policy: Policy,
    found: Capacity,
    growth: Growth,
    shrink: Shrink,
) -> list[str]:
    """Return the plan in sentences."""
    said = [_say_need(found)]
    if growth.uncordon:
        said.append(f"{_count(len(growth.uncordon), 'server')} {verb} serve again.")
    if growth.create:
        because = f", because the minimum is {policy.min}" if growth.for_min else ""
        said.append(f"{_count(growth.create, 'server')} {verb} be created{because}.")
    if growth.limits:
        missing = growth.wanted - growth.create
        reasons = ", and ".join(growth.limits)
        said.append(f"{_count(missing, 'more server')} would be needed, but {reasons}.")
    if found.passed:
        have, them, their = ("has", "it", "its")
        if found.passed > 1:
            have, them, their = ("have", "them", "their")
        said.append(
            f"{_count(found.passed, 'job')} {have} waited beside free slots for more "
            f"than {policy.passed_over / MINUTE:g} min, so no server is created for "
            f"{them}. Check {their} labels."
        )
    if shrink.cordon:
        because = ", and ".join(shrink.because)
        number = _count(len(shrink.cordon), "server")
        said.append(f"{number} {verb} get no new jobs: {because}.")
    return said


def _explain_stops(pool: Pool, found: Capacity, idle: int, failed: int) -> list[str]:
    said = [
        f"{_count(number, what)} {pool.verb} be terminated."
        for number, what in ((idle, "idle server"), (failed, "failed server"))
        if number
    ]
    if pool.frozen and found.cordoned:
        said.append("Nothing is terminated, because the pool is frozen.")
    return said


def _say_need(found: Capacity) -> str:
    parts = [_count(found.waiting, "waiting job")]
    if found.spare:
        parts.append(_count(found.spare, "spare slot"))
    needed = " and ".join(parts)
    return f"{needed}; {found.free} free or booting slots, {found.busy} busy."


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
