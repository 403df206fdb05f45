"""A pool's plan keeps its promises, whatever it is made from."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from servers.lifecycle.pools.demand import Demand, JobState
from servers.lifecycle.pools.growth import Spent
from servers.lifecycle.pools.members import Member
from servers.lifecycle.pools.memo import dump_memo, load_memo
from servers.lifecycle.pools.plan import Pool, plan
from tests.properties.pool_cases import (
    PURE,
    START,
    carry_out,
    check_rules,
    draw_case,
    draw_idle_case,
)

pytestmark = pytest.mark.pure


def is_unknown(pool: Pool, demand: Demand) -> bool:
    return (
        not demand.complete
        or demand.at < pool.memo.seen_at
        or START - demand.at > pool.policy.stale
    )


@PURE
@given(st.one_of(draw_case(), draw_idle_case()))
def test_no_plan_breaks_a_rule(case: tuple[Pool, Demand, tuple[Member, ...]]) -> None:
    pool, demand, members = case
    planned = plan(pool, demand, members, START)
    if is_unknown(pool, demand):
        assert planned.hold
        assert not planned.changes
        assert planned.memo == pool.memo
        return
    check_rules(pool, demand, members, planned, START)


@PURE
@given(st.one_of(draw_case(), draw_idle_case()))
def test_a_budget_that_is_spent_takes_nothing_away(
    case: tuple[Pool, Demand, tuple[Member, ...]],
) -> None:
    """It creates less, and all that runs or may serve again stays as without it."""
    pool, demand, members = case
    rich = replace(pool, policy=replace(pool.policy, cost_per_day=0.0))
    broke = replace(
        pool,
        policy=replace(pool.policy, cost_per_day=5.0),
        bounds=replace(pool.bounds, spent=Spent(5.0)),
    )
    with_it, without = (plan(each, demand, members, START) for each in (broke, rich))
    assert with_it.create == 0
    assert (with_it.stop, with_it.uncordon) == (without.stop, without.uncordon)
    used = {job.server for job in demand.jobs if job.state is JobState.RUNNING}
    policy = pool.policy
    for name in set(with_it.cordon) - set(without.cordon):
        # Only what is old or above max goes while it is busy, by a drain as always.
        old = policy.max_age or policy.max_uses
        assert old or len(members) > policy.max or name not in used


@PURE
@given(draw_case())
def test_the_same_snapshot_again_adds_nothing(
    case: tuple[Pool, Demand, tuple[Member, ...]],
) -> None:
    pool, demand, members = case
    # What has served its time is replaced by the next plan.
    pool = replace(pool, policy=replace(pool.policy, max_age=0.0, max_uses=0))
    members = tuple(replace(member, slots=pool.policy.slots) for member in members)
    first = plan(pool, demand, members, START)
    after = carry_out(first, members, START)
    after = tuple(replace(each, slots=pool.policy.slots) for each in after)
    # Limits of time and money are spent by now, so only the need itself is left.
    free = replace(
        pool.policy, burst=0, in_flight=0, cost_per_hour=0.0, cost_per_day=0.0
    )
    limited = first.figures and "would be needed" in " ".join(first.why)
    assume(not limited and first.memo.failures < 3)
    second = plan(Pool(free, first.memo), demand, after, START)
    assert second.create == 0
    assert second.uncordon == ()


@PURE
@given(draw_case())
def test_nothing_changes_before_the_time_that_a_plan_names(
    case: tuple[Pool, Demand, tuple[Member, ...]],
) -> None:
    pool, demand, members = case
    planned = plan(pool, demand, members, START)
    assume(not planned.hold and not planned.changes)
    between = min(planned.next_at, START + 60) - 0.01
    assume(between > START)
    later = plan(
        replace(pool, memo=planned.memo),
        replace(demand, at=max(demand.at, between - 60)),
        members,
        between,
    )
    assert not later.changes or later.stop  # a later snapshot may confirm a stop


@PURE
@given(draw_case())
def test_a_memo_is_the_same_after_it_was_stored(
    case: tuple[Pool, Demand, tuple[Member, ...]],
) -> None:
    pool, demand, members = case
    memo = plan(pool, demand, members, START).memo
    stored: dict[str, Any] = json.loads(json.dumps(dump_memo(memo)))
    assert load_memo({**stored, "unknown": 1}) == memo
