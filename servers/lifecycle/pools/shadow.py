"""A dry pool beside another autoscaler: what it would have, and what is there.

The servers of others are taken as the queue shows them. Nothing is assumed of them, not
even how many jobs they could run.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from servers.lifecycle.pools.capacity import Capacity
from servers.lifecycle.pools.members import Member
from servers.lifecycle.pools.memo import Memo
from servers.lifecycle.pools.policy import Policy

_MOST: Final = 60  # of the needs that are remembered


@dataclass(frozen=True, slots=True)
class Seen:
    """The jobs of a pool that run, on whatever servers, as its queue shows them.

    ``running`` counts them by server, "" for those that name none. ``agents`` is how
    many jobs at least each server of the queue runs, idle ones included, where the CI
    says that and no other pool follows the queue.
    """

    running: Mapping[str, int] = field(default_factory=dict)
    agents: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shadow:
    """What is there, and what the pool would have. ``needed`` is for the memo.

    ``servers`` are those of others, or None if the queue does not say.
    """

    jobs: int
    servers: int | None
    would: int
    needed: tuple[tuple[float, int], ...]


def compare(
    policy: Policy,
    memo: Memo,
    found: Capacity,
    seen: Seen,
    members: Iterable[Member],
    now: float,
) -> Shadow:
    """Return what others run of a pool's jobs, and how many servers it would have.

    That is as many as all its jobs need, and those that they needed within the idle
    time, since a server stays as long.
    """
    jobs, servers = _count_others(found, seen, {member.name for member in members})
    busy = found.busy + jobs
    spare = max(policy.spare, math.ceil(policy.spare_factor * busy))
    if policy.spare_limit:
        spare = min(spare, policy.spare_limit)
    need = math.ceil((busy + found.waiting + spare) / policy.slots)
    need = min(max(need, policy.min), policy.max)
    # An older need that is not above this one can't be the most again.
    needed = tuple(
        (at, number)
        for at, number in memo.needed
        if now - at <= policy.idle and number > need
    )
    most = max((number for _, number in needed), default=0)
    would = min(max(most, need), policy.max)
    return Shadow(jobs, servers, would, (*needed[: _MOST - 1], (now, need)))


def _count_others(found: Capacity, seen: Seen, own: set[str]) -> tuple[int, int | None]:
    named = {name: number for name, number in seen.running.items() if name}
    names = (named.keys() | seen.agents.keys()) - own
    jobs = sum(max(named.get(each, 0), seen.agents.get(each, 0)) for each in names)
    # Jobs that name no server: own ones, those on the agents, and those of others.
    own_nameless = max(0, found.busy - sum(named.get(each, 0) for each in own))
    nameless = max(0, seen.running.get("", 0) - own_nameless)
    if not names:
        return nameless, None if nameless else 0
    told = sum(seen.agents.get(each, 0) - named.get(each, 0) for each in names)
    return jobs + max(0, nameless - max(0, told)), len(names)


def say_shadow(shadow: Shadow) -> str:
    """Return the comparison as a sentence."""
    jobs = f"{shadow.jobs} job{'' if shadow.jobs == 1 else 's'} of this pool"
    if shadow.servers is None:
        there = f"Other servers run {jobs}"
    else:
        number = shadow.servers
        verb = "other server runs" if number == 1 else "other servers run"
        there = f"{number} {verb} {jobs}"
    would = f"{shadow.would} server{'' if shadow.would == 1 else 's'}"
    return f"{there}. To run all its jobs, this pool would have {would}."
