"""How many servers to create, within every limit."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from servers.lifecycle.pools.capacity import Capacity
from servers.lifecycle.pools.members import Member
from servers.lifecycle.pools.memo import Memo
from servers.lifecycle.pools.policy import DAY, MINUTE, Policy

FAILURES: Final = 3  # boots that fail in a row before creations slow down
FIRST_PAUSE: Final = 30.0
LONGEST_PAUSE: Final = 600.0
MAX_NAMED: Final = 3  # pools


@dataclass(slots=True)
class Growth:
    """What to add: servers to uncordon, and how many to create."""

    uncordon: list[Member] = field(default_factory=list)
    create: int = 0
    asked: int = 0  # what would be created if no server limit held it back
    wanted: int = 0  # before the limits
    for_min: bool = False  # whether some of them are wanted only to reach the minimum
    limits: list[str] = field(default_factory=list)  # those that hold it back
    retry_at: float = math.inf  # when a limit of time ends


@dataclass(frozen=True, slots=True)
class Spent:
    """What a pool's servers have cost today, a day of UTC.

    Time without a known price counts at the policy's. With several currencies, nothing
    can be compared with a budget.
    """

    amount: float = 0.0
    assumed: float = 0.0  # the part of it that counts at the policy's price
    currencies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits that others set: how many servers more, and what was spent today.

    ``room`` is shared with the pools ``rivals``, which ask for some of it, too.
    ``excess`` is how many servers have to be given up to pools that have less.
    """

    room: int | None = None
    closed: str = ""  # why nothing may be created at all
    spent: Spent = Spent()
    rivals: tuple[str, ...] = ()
    excess: int = 0


NO_BOUNDS: Final = Bounds()


def plan_growth(
    policy: Policy,
    memo: Memo,
    found: Capacity,
    reusable: list[Member],
    bounds: Bounds,
    now: float,
) -> Growth:
    """Return what to add so that the free slots are as many as wanted.

    ``reusable`` are cordoned servers that may serve again. They come first, since they
    cost no boot.
    """
    growth = Growth()
    short = found.want - found.free
    good, hidden = len(found.good), found.hidden
    for member in sorted(
        reusable, key=lambda each: (found.count_jobs(each), each.name)
    ):
        if short <= 0 and good >= policy.min:
            break
        if good >= policy.max:
            break
        growth.uncordon.append(member)
        free = max(0, member.slots - found.count_jobs(member))
        short -= max(0, free - hidden)
        hidden = max(0, hidden - free)
        good += 1
    needed = max(math.ceil(short / policy.slots), 0)
    growth.wanted = max(needed, policy.min - good)
    growth.for_min = growth.wanted > needed
    growth.create = growth.wanted
    for most, words, until in _list_limits(policy, memo, found, bounds, now):
        if growth.create > max(0, most):
            growth.create = max(0, most)
            growth.limits.append(words)
            growth.retry_at = min(growth.retry_at, until)
    growth.asked = growth.create
    if bounds.room is not None and growth.create > max(0, bounds.room):
        growth.create = max(0, bounds.room)
        growth.limits.append(_say_room(bounds.rivals))
    return growth


def _say_room(rivals: tuple[str, ...]) -> str:
    if not rivals:
        return "the account has no room for more"
    named = list(rivals[:MAX_NAMED])
    if len(rivals) > MAX_NAMED:
        named.append(f"{len(rivals) - MAX_NAMED} more")
    pools = " and ".join(filter(None, (", ".join(named[:-1]), named[-1])))
    plural = "s" if rivals[1:] else ""
    return f"what a server limit leaves is shared with the pool{plural} {pools}"


def _list_limits(
    policy: Policy, memo: Memo, found: Capacity, bounds: Bounds, now: float
) -> Iterator[tuple[int, str, float]]:
    """Yield each limit: how many servers it allows, its words, and when it ends."""
    never = math.inf
    if bounds.closed:
        yield 0, bounds.closed, never
    yield policy.max - found.total, f"the maximum is {policy.max}", never
    if policy.in_flight:
        words = f"at most {policy.in_flight} boot at once"
        yield policy.in_flight - found.booting, words, never
    if policy.burst:
        recent = [(at, count) for at, count in memo.created if now - at < MINUTE]
        left = policy.burst - sum(count for _, count in recent)
        until = recent[0][0] + MINUTE if recent else never
        yield left, f"at most {policy.burst} are created per minute", until
    if policy.cost_per_hour:
        affordable = math.floor(policy.cost_per_hour / policy.price + 1e-9)
        words = (
            f"all servers together may cost at most {policy.cost_per_hour:g} an hour"
        )
        yield affordable - found.total, words, never
    if policy.cost_per_day:
        yield _limit_day(policy, found, bounds.spent, now)
    if memo.failures >= FAILURES:
        pause = min(FIRST_PAUSE * 2 ** (memo.failures - FAILURES), LONGEST_PAUSE)
        until = memo.failed_at + pause
        what = (
            "servers failed soon after their boots"
            if memo.after_ready
            else "boots failed"
        )
        words = (
            f"the last {memo.failures} {what}, so only one server is tried at a time"
        )
        waits = now < until
        left = int(not waits and not found.booting)
        yield left, words, until if waits else never


def _limit_day(
    policy: Policy, found: Capacity, spent: Spent, now: float
) -> tuple[int, str, float]:
    """Return the limit of a day's budget.

    A server is created only if what is left pays for an hour of all servers, so that a
    burst at the end of a budget can't exceed it by much.
    """
    tomorrow = (now // DAY + 1) * DAY
    if len(spent.currencies) > 1:
        names = " and ".join(name or "one without a name" for name in spent.currencies)
        words = (
            f"today's servers were billed in several currencies ({names}), which can't "
            "be compared with a budget"
        )
        return 0, words, tomorrow
    left = max(0.0, policy.cost_per_day - spent.amount)
    affordable = math.floor(left / policy.price + 1e-9)
    amount = " ".join([f"{spent.amount:.2f}", *filter(None, spent.currencies)])
    words = f"{amount} of today's budget of {policy.cost_per_day:g} is spent"
    if spent.assumed:
        assumed = f"{spent.assumed:.2f} of it is assumed"
        words += f" ({assumed}, because some prices are unknown)"
    if left:
        words += " and the rest doesn't pay for an hour of another server"
    return affordable - found.total, words, tomorrow
