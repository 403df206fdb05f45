"""Pools under one server limit share it: none crowds out another."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from servers.lifecycle.pools.demand import Demand, Job, JobState
from servers.lifecycle.pools.members import Cordon, Member, Phase
from servers.lifecycle.pools.plan import Pool, plan
from servers.lifecycle.pools.policy import Policy
from servers.lifecycle.pools.sharing import (
    PATIENCE,
    Claim,
    Share,
    divide_room,
    limit_pool,
    share_room,
)
from servers.lifecycle.replay.measure import measure
from servers.lifecycle.replay.rivals import Rivals
from servers.lifecycle.replay.trace import TracedJob
from servers.lifecycle.replay.world import Cloud, World

pytestmark = pytest.mark.pure

NOW = 1_800_000_000.0
LIMITS = ("account", "template", "fleet")

claims = st.dictionaries(
    st.sampled_from("abcdef"),
    st.builds(
        Claim,
        servers=st.integers(0, 8),
        asked=st.integers(0, 8),
        least=st.integers(0, 4),
        since=st.sampled_from([NOW, NOW - 2 * PATIENCE, float("inf")]),
        caps=st.lists(st.sampled_from(LIMITS), unique=True).map(tuple),
    ),
)
rooms = st.dictionaries(st.sampled_from(LIMITS), st.integers(-2, 20))


def count(given: Mapping[str, int], pools: Mapping[str, Claim], cap: str) -> int:
    return sum(given[name] for name, each in pools.items() if cap in each.caps)


@given(pools=claims, left=rooms)
def test_room_is_shared_fairly(pools: dict[str, Claim], left: dict[str, int]) -> None:
    given = share_room(pools, left)
    assert given == share_room(dict(reversed(pools.items())), left)
    full = {cap for cap in left if count(given, pools, cap) >= max(0, left[cap])}
    for cap, most in left.items():
        assert count(given, pools, cap) <= max(0, most)
    for name, each in pools.items():
        assert 0 <= given[name] <= each.asked
        if given[name] == each.asked:
            continue
        # No room stays empty that somebody asks for.
        assert full & set(each.caps)
        has = each.servers + given[name]
        for other, rival in pools.items():
            # Who could have left it room has no more, or is not above its min.
            if given[other] and set(each.caps) & full <= set(rival.caps):
                others = rival.servers + given[other]
                assert others <= max(has + 1, rival.least)
                assert has >= each.least or others <= rival.least


@given(pools=claims, left=rooms)
def test_who_gives_servers_up_keeps_a_fair_share(
    pools: dict[str, Claim], left: dict[str, int]
) -> None:
    given = share_room(pools, left)
    for name, each in pools.items():
        excess = divide_room(pools, left, NOW).find_share(name).excess
        assert 0 <= excess <= each.servers
        if not excess:
            continue
        waiting = [
            other
            for other, rival in pools.items()
            if rival.asked > given[other] and NOW - rival.since >= PATIENCE
        ]
        assert waiting
        if len(left) == 1 and all(set(left) <= {*e.caps} for e in pools.values()):
            # Under one limit, somebody has no more than this pool keeps.
            assert any(
                pools[other].servers + given[other] <= each.servers - excess
                for other in waiting
                if other != name
            )


def test_a_pool_that_waits_gets_an_equal_share_and_then_nothing_moves() -> None:
    caps = ("account",)
    many = Claim(10, asked=20, since=NOW - 999, caps=caps)
    few = Claim(0, asked=3, since=NOW, caps=caps)
    left = {"account": 0}

    def find(pools: dict[str, Claim], at: float = NOW) -> dict[str, int]:
        divided = divide_room(pools, left, at)
        return {name: divided.find_share(name).excess for name in pools}

    assert find({"a": many, "b": few}) == {"a": 0, "b": 0}
    assert find({"a": many, "b": few}, NOW + PATIENCE) == {"a": 3, "b": 0}
    hungry = replace(few, asked=30, since=1)
    assert find({"a": many, "b": hungry}) == {"a": 5, "b": 0}
    # Half each, and of an odd number, who has one more keeps it.
    for servers in ((5, 5), (6, 5), (5, 6)):
        a, b = (replace(many, servers=number) for number in servers)
        assert find({"a": a, "b": b}) == {"a": 0, "b": 0}
    # What has all it asks for may have more than the others.
    content = replace(many, asked=0)
    assert find({"a": content, "b": replace(few, asked=0)}) == {"a": 0, "b": 0}


def test_a_plan_gives_up_the_least_busy_servers_and_does_not_take_them_back() -> None:
    members = tuple(
        Member(name, Phase.READY, slots=2, created_at=NOW - 999, ready_at=NOW - 900)
        for name in ("one", "two", "idle")
    )
    running = [("one", 1), ("two", 2)]
    jobs = [
        Job(f"{name}-{number}", JobState.RUNNING, NOW - 60, name)
        for name, most in running
        for number in range(most)
    ]
    jobs += [Job(f"w-{number}", JobState.PENDING, NOW - 60) for number in range(9)]
    demand = Demand(NOW, tuple(jobs))
    pool = limit_pool(Pool(Policy(slots=2)), Share(room=0, rivals=("b",), excess=2))
    planned = plan(pool, demand, members, NOW)
    assert (planned.create, planned.cordon) == (0, ("idle", "one"))
    assert "other pools have less than their share of a limit." in planned.why[-1]
    assert planned.memo.short_since == NOW
    cordoned = tuple(
        replace(each, cordon=Cordon.POOL) if each.name in planned.cordon else each
        for each in members
    )
    again = replace(pool, memo=planned.memo)
    later = plan(again, replace(demand, at=NOW + 10), cordoned, NOW + 10)
    assert (later.uncordon, later.cordon, later.stop) == ((), (), ("idle",))
    assert later.memo.short_since == NOW
    # Nobody waits any more: what still serves may go on.
    free = limit_pool(again, Share(room=0))
    assert plan(free, replace(demand, at=NOW + 10), cordoned, NOW + 10).uncordon


def test_no_pool_waits_for_ever_beside_one_that_floods() -> None:
    """A queue that never ends holds all servers as another one's jobs arrive."""
    flood = [TracedJob(number * 1.5, 300, "b") for number in range(2400)]
    mine = [TracedJob(1800 + 60 * number, 60, "a") for number in range(60)]
    jobs = sorted([*mine, *flood], key=lambda job: job.queued_at)
    world = World(jobs, Cloud(slots=1, boot=30))
    rivals = Rivals(20, dict.fromkeys("ab", Policy(max=50)))
    found = measure(world.run(rivals.build(), tick=10), "a")
    assert (found.killed, found.breaches, found.never_run) == (0, 0, 0)
    # Its patience, a job of the other one, and a boot; then there is a server for it.
    assert found.longest <= PATIENCE + 300 + 30 + 60
    assert found.p50 <= 60
