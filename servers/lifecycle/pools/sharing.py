"""How pools share server limits, such as an account's: none may crowd out another.

Room is given out one server at a time: to pools below their min first, then to the pool
that has the fewest, and of equals to the one that has been short for longest. So a pool
that needs less than an equal share gets all it needs, the others have equally many, and
no room stays empty that somebody asks for.

That alone would let a pool that came first keep all there is for as long as its jobs
come. So once a pool has been short of its share for PATIENCE, those with more than
theirs give servers up: they get no new jobs, and end after those that they run.
"""

import heapq
import math
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from servers.lifecycle.pools.members import Member
from servers.lifecycle.pools.plan import Plan, Pool

PATIENCE: Final = 120.0  # seconds


@dataclass(frozen=True, slots=True)
class Claim:
    """What a pool has and asks for under the limits ``caps``.

    ``servers`` count against them now, ``asked`` is how many more it would create if
    there were room, ``least`` is its min, and ``since`` is when it became short.
    """

    servers: int
    asked: int = 0
    least: int = 0
    since: float = math.inf
    caps: tuple[Hashable, ...] = ()


@dataclass(frozen=True, slots=True)
class Share:
    """What is a pool's: how many servers more, and how many it has to give up."""

    room: int
    rivals: tuple[str, ...] = ()
    excess: int = 0


def make_claim(
    pool: Pool,
    planned: Plan,
    members: Iterable[Member],
    caps: tuple[Hashable, ...],
    now: float,
) -> Claim:
    """Return a pool's claim, by a plan that knew of no other pool."""
    return Claim(
        servers=sum(1 for _ in members),
        asked=planned.create + planned.figures.get("short", 0),
        least=pool.policy.at(now).min,
        since=pool.memo.short_since or math.inf,
        caps=caps,
    )


def share_room(claims: Mapping[str, Claim], left: Mapping[Any, int]) -> dict[str, int]:
    """Return how many servers each pool may add now, by pool.

    ``left`` is how many more each limit allows. One that it does not name is none.
    """
    room = {cap: max(0, most) for cap, most in left.items()}
    asked = dict.fromkeys(room, 0)
    for claim in claims.values():
        for cap in claim.caps:
            if cap in room:
                asked[cap] += claim.asked
    # The usual case has to be quick: there is enough for all.
    if all(asked[cap] <= room[cap] for cap in room):
        return {name: claim.asked for name, claim in claims.items()}
    given = dict.fromkeys(claims, 0)
    heap = [_rank(name, each, 0) for name, each in claims.items() if each.asked]
    heapq.heapify(heap)
    while heap:
        name = heapq.heappop(heap)[-1]
        claim = claims[name]
        caps = [cap for cap in claim.caps if cap in room]
        if any(room[cap] <= 0 for cap in caps):
            continue
        given[name] += 1
        for cap in caps:
            room[cap] -= 1
        if given[name] < claim.asked:
            heapq.heappush(heap, _rank(name, claim, given[name]))
    return given


def _rank(name: str, claim: Claim, given: int) -> tuple[bool, int, float, str]:
    has = claim.servers + given
    return has >= claim.least, has, claim.since, name


@dataclass(frozen=True, slots=True)
class Division:
    """How room was divided among claims at a moment, in Unix seconds.

    ``given`` is what each pool may add. ``fair`` is what each would have if all room
    were divided afresh; None if nobody has waited for that.
    """

    claims: Mapping[str, Claim]
    given: Mapping[str, int]
    fair: Mapping[str, int] | None
    now: float

    def find_share(self, name: str) -> Share:
        """Return what is one pool's. It needs a claim."""
        caps = set(self.claims[name].caps)
        others = sorted(
            (other, claim)
            for other, claim in self.claims.items()
            if other != name and claim.asked and caps & set(claim.caps)
        )
        rivals = tuple(other for other, _ in others)
        return Share(self.given[name], rivals, self._find_excess(name))

    def _find_excess(self, name: str) -> int:
        """Return how many servers a pool has to give up for those that have waited."""
        if self.fair is None:
            return 0
        own = self.claims[name]
        caps = set(own.caps)
        is_waited_for = any(
            claim.servers + self.given[other] < self.fair[other]
            and _has_waited(claim, self.now)
            and caps & set(claim.caps)
            for other, claim in self.claims.items()
        )
        return max(0, own.servers - self.fair[name]) if is_waited_for else 0


def divide_room(
    claims: Mapping[str, Claim], left: Mapping[Any, int], now: float
) -> Division:
    """Divide what each limit allows among all pools."""
    given = share_room(claims, left)
    short = (claim for name, claim in claims.items() if claim.asked > given[name])
    waits = any(_has_waited(claim, now) for claim in short)
    return Division(
        dict(claims), given, _divide_afresh(claims, left) if waits else None, now
    )


def _has_waited(claim: Claim, now: float) -> bool:
    return now - claim.since >= PATIENCE


def _divide_afresh(
    claims: Mapping[str, Claim], left: Mapping[Any, int]
) -> dict[str, int]:
    """Return how many servers each pool would have if none had any yet."""
    sizes = dict(left)
    for claim in claims.values():
        for cap in claim.caps:
            if cap in sizes:
                sizes[cap] += claim.servers
    # Of equals, who has a server keeps it: nothing goes to and fro.
    afresh = {
        name: replace(
            claim, servers=0, asked=claim.servers + claim.asked, since=-claim.servers
        )
        for name, claim in claims.items()
    }
    return share_room(afresh, sizes)


def limit_pool(pool: Pool, share: Share) -> Pool:
    """Return a pool that plans within its share."""
    bounds = replace(
        pool.bounds, room=share.room, rivals=share.rivals, excess=share.excess
    )
    return replace(pool, bounds=bounds)


def is_kept(planned: Plan, share: Share) -> bool:
    """Tell whether a plan that knew of no other pool keeps to its pool's share."""
    short = planned.figures.get("short", 0)
    is_told = not (short and share.rivals)
    return planned.create <= share.room and not share.excess and is_told
