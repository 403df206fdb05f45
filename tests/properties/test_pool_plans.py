"""A pool's plans keep their promises, whatever happens around them."""

import json
import os
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from servers.lifecycle.pools.demand import Demand, Job, JobState
from servers.lifecycle.pools.growth import Bounds, Spent
from servers.lifecycle.pools.members import Cordon, Member, Phase
from servers.lifecycle.pools.memo import Memo, dump_memo, load_memo
from servers.lifecycle.pools.plan import Plan, Pool, plan
from servers.lifecycle.pools.policy import DAY, Policy
from servers.lifecycle.replay.measure import measure
from servers.lifecycle.replay.planners import PolicyPlanner
from servers.lifecycle.replay.trace import TracedJob
from servers.lifecycle.replay.world import Cloud, World

pytestmark = pytest.mark.pure

EXAMPLES = int(os.environ.get("HYPOTHESIS_EXAMPLES", "25"))
PURE = settings(
    max_examples=EXAMPLES * 8,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
START = 1_800_000_000.0
TIMES = st.sampled_from([0.0, 1.0, 59.0, 60.0, 300.0, 601.0, 3601.0, 90000.0])
NAMES = st.sampled_from([f"s{number}" for number in range(6)])


@st.composite
def draw_policy(draw: st.DrawFn) -> Policy:
    least = draw(st.integers(0, 4))
    return Policy(
        min=least,
        max=draw(st.integers(least, 8)),
        slots=draw(st.integers(1, 3)),
        spare=draw(st.integers(0, 4)),
        spare_factor=draw(st.sampled_from([0.0, 0.5, 2.0])),
        spare_limit=draw(st.integers(0, 3)),
        idle=draw(TIMES),
        min_age=draw(st.sampled_from([0.0, 300.0])),
        max_age=draw(st.sampled_from([0.0, 3600.0])),
        max_uses=draw(st.integers(0, 2)),
        job_delay=draw(st.sampled_from([0.0, 30.0])),
        burst=draw(st.integers(0, 3)),
        in_flight=draw(st.integers(0, 3)),
        cooldown=draw(st.sampled_from([0.0, 60.0])),
        billing=draw(st.sampled_from([0.0, 3600.0])),
        price=0.1,
        cost_per_hour=draw(st.sampled_from([0.0, 0.35])),
        cost_per_day=draw(st.sampled_from([0.0, 0.35, 5.0])),
    )


@st.composite
def draw_member(draw: st.DrawFn, name: str) -> Member:
    created = START - draw(TIMES)
    phase = draw(st.sampled_from(Phase))
    ready = None if phase is Phase.BOOTING else draw(st.sampled_from([None, created]))
    return Member(
        name,
        phase,
        draw(st.integers(1, 3)),
        created,
        boots_until=created + 600,
        ready_at=created if phase is Phase.READY else ready,
        busy=draw(st.sampled_from([None, 0, 1])),
        used=draw(st.integers(0, 3)),
        cordon=draw(st.sampled_from(Cordon)),
        protected=draw(st.booleans()),
    )


@st.composite
def draw_case(draw: st.DrawFn) -> tuple[Pool, Demand, tuple[Member, ...]]:
    names = draw(st.lists(NAMES, unique=True))
    members = tuple(draw(draw_member(name)) for name in names)
    servers = st.sampled_from(["", "stranger", *names])
    jobs = draw(
        st.lists(
            st.builds(
                Job,
                st.uuids().map(str),
                st.sampled_from(JobState),
                TIMES.map(lambda age: START - age),
                servers,
            ),
            max_size=12,
        )
    )
    demand = Demand(
        START - draw(st.sampled_from([0.0, 0.0, 0.0, 30.0, 60.0, 200.0])),
        tuple(jobs),
        complete=draw(st.integers(0, 9)) > 0,
        paused=draw(st.integers(0, 5)) == 0,
        names_servers=draw(st.booleans()),
    )
    past = st.dictionaries(NAMES, TIMES.map(lambda age: START - age), max_size=6)
    memo = Memo(
        seen_at=START - draw(st.sampled_from([45.0, 100.0, 600.0, 900.0])),
        idle_since=draw(past),
        cordoned_at={
            member.name: START - draw(TIMES)
            for member in members
            if member.cordon is Cordon.POOL
        },
        passed_since={
            job.job_id: START - draw(TIMES) for job in jobs if draw(st.booleans())
        },
        created=draw(st.sampled_from([(), ((START - 30, 2),)])),
        created_at=START - draw(TIMES),
        broken_since={name: START - draw(TIMES) for name in names},
        failures=draw(st.integers(0, 4)),
        failed_at=START - draw(TIMES),
    )
    room = draw(st.sampled_from([None, 0, 2]))
    spent = draw(st.sampled_from([Spent(), Spent(0.12), Spent(4.75), Spent(6.0)]))
    if draw(st.integers(0, 9)) == 0:
        spent = Spent(currencies=("EUR", "USD"))
    bounds = Bounds(room, draw(st.sampled_from(["", "", "closed"])), spent)
    pool = Pool(draw(draw_policy()), memo, bounds, draw(st.integers(0, 5)) == 0)
    return pool, demand, members


@st.composite
def draw_idle_case(draw: st.DrawFn) -> tuple[Pool, Demand, tuple[Member, ...]]:
    """Draw a pool in which servers are cordoned and idle, and one that could go."""
    pool, demand, members = draw(draw_case())
    members = tuple(
        replace(
            member,
            phase=draw(st.sampled_from([Phase.READY, Phase.READY, member.phase])),
            cordon=draw(st.sampled_from([Cordon.POOL, Cordon.POOL, member.cordon])),
            ready_at=member.created_at,
        )
        for member in members
    )
    ages = st.sampled_from([0.0, 30.0, 60.0])
    cordoned = {member.name: demand.at + draw(ages) - 30 for member in members}
    nameless = Job("r", JobState.RUNNING, START)
    jobs = draw(st.sampled_from([(), (nameless,), demand.jobs[:1]]))
    memo = replace(pool.memo, cordoned_at=cordoned, seen_at=0.0)
    policy = replace(pool.policy, min=0, spare=0)
    demand = replace(demand, jobs=jobs, complete=True)
    return replace(pool, policy=policy, memo=memo), demand, members


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


def check_rules(
    pool: Pool,
    demand: Demand,
    members: tuple[Member, ...],
    planned: Plan,
    now: float,
) -> None:
    policy, by_name = pool.policy, {member.name: member for member in members}
    running = {job.server for job in demand.jobs if job.state is JobState.RUNNING}
    nameless = running and not demand.names_servers
    for name in planned.stop:
        member = by_name[name]
        assert not member.protected
        assert not pool.frozen
        if member.phase is Phase.BROKEN:
            since = pool.memo.broken_since[name]
            assert since <= now - policy.keep_broken
            continue
        assert member.cordon is Cordon.POOL
        assert pool.memo.cordoned_at[name] < demand.at
        assert name not in running
        assert not member.busy
        assert not (nameless and member.busy is None)
    for name in planned.cordon:
        assert not by_name[name].protected
        assert by_name[name].cordon is Cordon.NONE
    for name in planned.uncordon:
        assert by_name[name].cordon is Cordon.POOL
    if planned.create:
        assert len(members) + planned.create <= policy.max
        assert pool.bounds.room is None or planned.create <= pool.bounds.room
        recent = sum(n for at, n in pool.memo.created if now - at < 60)
        assert not policy.burst or recent + planned.create <= policy.burst
        if policy.in_flight:
            booting = [m for m in members if m.phase is Phase.BOOTING]
            alive = [m for m in booting if now <= m.boots_until]
            assert len(alive) + planned.create <= policy.in_flight
        if policy.cost_per_hour:
            cost = (len(members) + planned.create) * policy.price
            assert cost <= policy.cost_per_hour + 1e-9
        if policy.cost_per_day:
            assert len(pool.bounds.spent.currencies) < 2
            hour = (len(members) + planned.create) * policy.price
            assert pool.bounds.spent.amount + hour <= policy.cost_per_day + 1e-6
        assert not demand.paused
        assert not pool.bounds.closed
        assert not planned.cordon
    lists = (planned.uncordon, planned.cordon, planned.stop)
    named = [name for each in lists for name in each]
    assert len(named) == len(set(named))
    assert planned.next_at > now or planned.changes
    assert all(sentence.endswith(".") for sentence in planned.why)


def carry_out(
    planned: Plan, members: tuple[Member, ...], now: float, prefix: str = "new"
) -> tuple[Member, ...]:
    """Return the servers after a plan. What is stopped goes on counting for a while."""
    slots = members[0].slots if members else 1
    kept = []
    for member in members:
        if member.name in planned.stop:
            kept.append(replace(member, phase=Phase.ENDING))
        elif member.name in planned.cordon:
            kept.append(replace(member, cordon=Cordon.POOL))
        elif member.name in planned.uncordon:
            kept.append(replace(member, cordon=Cordon.NONE))
        else:
            kept.append(member)
    return (
        *kept,
        *(
            Member(
                f"{prefix}{number}", Phase.BOOTING, slots, now, boots_until=now + 600
            )
            for number in range(planned.create)
        ),
    )


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


@settings(parent=PURE, max_examples=EXAMPLES)
@given(
    st.lists(st.tuples(st.floats(0, 4000), st.floats(1, 900)), min_size=1, max_size=60),
    st.integers(1, 3),
    st.integers(0, 2**16),
)
def test_with_headroom_each_job_starts_within_a_boot_and_two_polls(
    given_jobs: list[tuple[float, float]], slots: int, seed: int
) -> None:
    jobs = sorted((TracedJob(*each) for each in given_jobs), key=lambda j: j.queued_at)
    world = World(jobs, Cloud(slots=slots, seed=seed))
    planner = PolicyPlanner(Policy(max=100, slots=slots))
    found = measure(world.run({"": planner}, tick=10))
    assert found.jobs == len(jobs)
    assert found.longest <= 90 + 2 * 10
    assert found.killed == found.breaches == 0


@settings(parent=PURE, max_examples=EXAMPLES)
@given(
    st.lists(st.tuples(st.floats(0, 900), st.floats(1, 300)), min_size=1, max_size=40),
    st.integers(1, 4),
    st.sampled_from([0.0, 0.3]),
    st.integers(0, 2**16),
)
def test_jobs_above_max_and_beside_failed_boots_run_later(
    given_jobs: list[tuple[float, float]], most: int, failing: float, seed: int
) -> None:
    jobs = sorted((TracedJob(*each) for each in given_jobs), key=lambda j: j.queued_at)
    world = World(jobs, Cloud(slots=1, seed=seed, failing=failing, retention=60))
    found = measure(world.run({"": PolicyPlanner(Policy(max=most))}, tick=10))
    assert found.jobs == len(jobs)
    assert found.killed == found.breaches == 0


class PoolMachine(RuleBasedStateMachine):
    """A pool, its queue and everybody who meddles with both."""

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.members: dict[str, Member] = {}
        self.jobs: dict[str, Job] = {}
        self.memo = Memo()
        self.number = 0
        self.spent = 0.0  # today

    @initialize(policy=draw_policy())
    def begin(self, policy: Policy) -> None:
        self.policy = policy

    @rule(seconds=st.sampled_from([1.0, 10.0, 61.0, 301.0, 700.0, 20_000.0]))
    def time_passes(self, seconds: float) -> None:
        begun, self.now = self.now, self.now + seconds
        today = self.now // DAY * DAY
        self.spent = self.spent if begun >= today else 0.0
        hours = (self.now - max(begun, today)) / 3600
        self.spent += len(self.members) * hours * self.policy.price

    @rule(number=st.integers(1, 6))
    def jobs_arrive(self, number: int) -> None:
        for _ in range(number):
            self.number += 1
            job = Job(f"j{self.number}", JobState.PENDING, self.now)
            self.jobs[job.job_id] = job

    @rule()
    def jobs_start(self) -> None:
        """Start what fits, on servers that take jobs as far as the CI knows."""
        for job in list(self.jobs.values()):
            if job.state is not JobState.PENDING:
                continue
            for member in self.members.values():
                running = [j for j in self.jobs.values() if j.server == member.name]
                takes = member.phase is Phase.READY and member.cordon is Cordon.NONE
                if takes and len(running) < member.slots:
                    self.jobs[job.job_id] = Job(
                        job.job_id, JobState.RUNNING, self.now, member.name
                    )
                    break

    @precondition(lambda self: self.jobs)
    @rule(data=st.data())
    def a_job_ends(self, data: st.DataObject) -> None:
        del self.jobs[data.draw(st.sampled_from(sorted(self.jobs)))]

    @precondition(lambda self: self.members)
    @rule(data=st.data(), what=st.sampled_from(["ready", "broken", "gone", "person"]))
    def a_server_changes(self, data: st.DataObject, what: str) -> None:
        name = data.draw(st.sampled_from(sorted(self.members)))
        member = self.members[name]
        if what == "ready" and member.phase is Phase.BOOTING:
            changed = replace(member, phase=Phase.READY, ready_at=self.now)
            self.members[name] = changed
        elif what == "broken" and member.phase is not Phase.ENDING:
            self.members[name] = replace(member, phase=Phase.BROKEN)
        elif what == "person" and member.cordon is Cordon.NONE:
            self.members[name] = replace(member, cordon=Cordon.OTHER)
        elif what == "gone" and member.phase in {Phase.BROKEN, Phase.ENDING}:
            del self.members[name]

    @rule(known=st.booleans(), age=st.sampled_from([0.0, 1.0, 500.0]))
    def the_queue_is_read(self, known: bool, age: float) -> None:
        demand = Demand(self.now - age, tuple(self.jobs.values()), complete=known)
        members = tuple(self.members.values())
        bounds = Bounds(spent=Spent(self.spent))
        pool = Pool(self.policy, self.memo, bounds)
        planned = plan(pool, demand, members, self.now)
        if planned.hold:
            assert not planned.changes
            assert planned.memo == self.memo
            return
        check_rules(pool, demand, members, planned, self.now)
        self.number += 1
        prefix = f"n{self.number}-"
        after = carry_out(planned, members, self.now, prefix)
        self.members = {
            each.name: replace(each, slots=self.policy.slots) for each in after
        }
        self.memo = planned.memo

    @invariant()
    def a_memo_stays_small(self) -> None:
        assert set(self.memo.passed_since) <= {f"j{n}" for n in range(self.number + 1)}
        assert len(self.memo.created) <= 100


PoolMachine.TestCase.settings = settings(
    max_examples=EXAMPLES, stateful_step_count=30, parent=PURE
)
test_a_pool_s_life_breaks_no_rule = PoolMachine.TestCase
