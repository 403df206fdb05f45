"""Which servers to cordon, and which of those to stop later."""

import math
from dataclasses import dataclass, field
from typing import Final

from servers.lifecycle.pools.capacity import Capacity
from servers.lifecycle.pools.demand import Demand
from servers.lifecycle.pools.members import Cordon, Member, Phase
from servers.lifecycle.pools.memo import Memo
from servers.lifecycle.pools.policy import Policy

# Parts of a billing period, at its end, in which a server may go.
_LAST_PART: Final = 1 / 10
# Of the pool, that age may take out of service at once.
_AT_ONCE: Final = 1 / 10


@dataclass(slots=True)
class Shrink:
    """Servers to cordon, and when another may be."""

    cordon: list[Member] = field(default_factory=list)
    because: list[str] = field(default_factory=list)
    retry_at: float = math.inf


def find_idle(
    found: Capacity, memo: Memo, members: tuple[Member, ...], demand: Demand
) -> dict[str, float]:
    """Return since when each ready server has been idle, as snapshots showed it."""
    return {
        member.name: memo.idle_since.get(member.name, demand.at)
        for member in members
        if member.phase is Phase.READY and member.name not in found.jobs
    }


def is_over(policy: Policy, member: Member, now: float) -> bool:
    """Tell whether a server has served long or often enough."""
    if policy.max_age and now - member.created_at >= policy.max_age:
        return True
    return bool(policy.max_uses) and member.used >= policy.max_uses


def plan_stops(
    memo: Memo, found: Capacity, idle: dict[str, float], demand: Demand
) -> list[Member]:
    """Return the cordoned servers that a later snapshot still shows idle.

    The one that led to the cordon may have been read before a job went there.
    """
    return [
        member
        for member in found.cordoned
        if member.name in idle
        and not member.protected
        and demand.at > memo.cordoned_at.get(member.name, demand.at)
    ]


def plan_clearance(
    policy: Policy, memo: Memo, members: tuple[Member, ...], now: float
) -> list[Member]:
    """Return the broken servers that were kept for people to look at long enough."""
    return [
        member
        for member in members
        if now - memo.broken_since.get(member.name, now) >= policy.keep_broken
        and not member.protected
        and policy.keep_broken
    ]


def plan_shrink(
    policy: Policy,
    memo: Memo,
    found: Capacity,
    idle: dict[str, float],
    excess: int,
    now: float,
) -> Shrink:
    """Return the servers that the pool can do without, the longest idle first.

    ``excess`` is how many it has to give up in all, needed or not.
    """
    shrink = Shrink()
    movable = [
        member
        for member in found.good
        if not member.protected and member.phase is Phase.READY
    ]
    movable.sort(key=lambda each: (idle.get(each.name, math.inf), each.name))
    _cut_excess(policy, found, movable, shrink)
    _give_up(policy, found, movable, shrink, excess)
    _retire(policy, found, movable, shrink, now)
    _free_idle(policy, memo, found, idle, movable, shrink, now)
    return shrink


def _cut_excess(
    policy: Policy, found: Capacity, movable: list[Member], shrink: Shrink
) -> None:
    """Cordon what is above max: idle servers first, then those that run least."""
    excess = len(found.good) - policy.max
    if excess <= 0:
        return
    first = sorted(movable, key=found.count_jobs)
    shrink.cordon += first[:excess]
    shrink.because.append(f"the maximum is {policy.max}")


def _give_up(
    policy: Policy,
    found: Capacity,
    movable: list[Member],
    shrink: Shrink,
    excess: int,
) -> None:
    """Cordon what other pools have waited for, the least busy servers first.

    Those that leave anyway count, and min stays.
    """
    leaving = found.total - len(found.good) + len(shrink.cordon)
    spare = len(found.good) - len(shrink.cordon) - policy.min
    number = min(excess - leaving, spare)
    if number <= 0:
        return
    others = [member for member in movable if member not in shrink.cordon]
    chosen = sorted(others, key=found.count_jobs)[:number]
    if chosen:
        shrink.cordon += chosen
        shrink.because.append("other pools have less than their share of a limit")


def _retire(
    policy: Policy,
    found: Capacity,
    movable: list[Member],
    shrink: Shrink,
    now: float,
) -> None:
    """Cordon what is over its age or uses, a few at a time, busy or not."""
    over = [each for each in movable if is_over(policy, each, now)]
    if not over:
        return
    leaving = len(found.cordoned) + len(shrink.cordon)
    most = max(1, int(found.total * _AT_ONCE)) - leaving
    chosen = [each for each in over if each not in shrink.cordon][: max(0, most)]
    if chosen:
        shrink.cordon += chosen
        shrink.because.append("due for replacement")


def _free_idle(
    policy: Policy,
    memo: Memo,
    found: Capacity,
    idle: dict[str, float],
    movable: list[Member],
    shrink: Shrink,
    now: float,
) -> None:
    """Cordon idle servers whose slots nobody wants, down to min."""
    taken = {each.name for each in shrink.cordon}
    slack = found.free - found.want
    slack -= sum(max(0, e.slots - found.count_jobs(e)) for e in shrink.cordon)
    good = len(found.good) - len(taken)
    ready_at = memo.created_at + policy.cooldown if memo.created_at else 0.0
    for member in movable:
        if good <= policy.min:
            break
        since = idle.get(member.name)
        if since is None or member.name in taken or member.slots > slack:
            continue
        may_go = max(
            ready_at,
            since + policy.idle,
            member.created_at + policy.min_age,
            _find_paid_end(policy, member, now),
        )
        if now < may_go:
            shrink.retry_at = min(shrink.retry_at, may_go)
            continue
        shrink.cordon.append(member)
        slack -= member.slots
        good -= 1
    idled = len(shrink.cordon) - len(taken)
    if idled:
        shrink.because.append(f"not needed for {_say_time(policy.idle)}")


def _find_paid_end(policy: Policy, member: Member, now: float) -> float:
    """Return from when the server's paid period is nearly over."""
    if not policy.billing:
        return 0.0
    periods = math.floor((now - member.created_at) / policy.billing)
    return member.created_at + policy.billing * (periods + 1 - _LAST_PART)


def _say_time(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds >= 60 else f"{seconds:g} s"


def find_reusable(policy: Policy, found: Capacity, now: float) -> list[Member]:
    """Return the pool's cordoned servers that may serve again."""
    return [
        member
        for member in found.cordoned
        if member.phase is Phase.READY
        and member.cordon is Cordon.POOL
        and not is_over(policy, member, now)
    ]
