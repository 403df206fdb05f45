"""A pool's servers and jobs at one moment, and its plan for them."""

from typing import Any

from servers.lifecycle.pools.demand import Demand, Job, JobState
from servers.lifecycle.pools.growth import Bounds
from servers.lifecycle.pools.members import Member, Phase
from servers.lifecycle.pools.memo import Memo
from servers.lifecycle.pools.plan import Plan, Pool, plan
from servers.lifecycle.pools.policy import Policy

NOW = 1_800_000_000.0


LONG_AGO = NOW - 7200


DAILY: dict[str, Any] = {"cost_per_day": 9, "price": 0.5}


def make_member(name: str, **given: Any) -> Member:
    values = {
        "phase": Phase.READY,
        "slots": 2,
        "created_at": LONG_AGO,
        "boots_until": LONG_AGO + 600,
        "ready_at": LONG_AGO + 90,
        **given,
    }
    return Member(name, **values)


def booting(name: str, **given: Any) -> Member:
    recent = {"phase": Phase.BOOTING, "created_at": NOW - 60, "ready_at": None}
    return make_member(name, **{**recent, "boots_until": NOW + 540, **given})


def wait(number: int, *, since: float = NOW - 30) -> list[Job]:
    return [Job(f"p{each}", JobState.PENDING, since) for each in range(number)]


def run(server: str, number: int = 1) -> list[Job]:
    names = [f"r-{server}-{each}" for each in range(number)]
    return [Job(name, JobState.RUNNING, NOW - 60, server) for name in names]


def ask(
    *members: Member,
    jobs: list[Job] | None = None,
    memo: Memo | None = None,
    bounds: Bounds | None = None,
    at: float = NOW,
    demand: dict[str, Any] | None = None,
    frozen: bool = False,
    **settings: Any,
) -> Plan:
    policy = Policy(**{"slots": 2, **settings})
    pool = Pool(policy, memo or Memo(), bounds or Bounds(), frozen)
    shown = Demand(**{"at": at, "jobs": tuple(jobs or ()), **(demand or {})})
    return plan(pool, shown, members, at)


IDLE = Memo(idle_since={"a": NOW - 900, "b": NOW - 600, "c": NOW - 301})
