"""A pool keeps its promises for all its life, whatever happens around it."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
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
from servers.lifecycle.pools.memo import Memo
from servers.lifecycle.pools.plan import Pool, plan
from servers.lifecycle.pools.policy import DAY, Policy
from servers.lifecycle.replay.measure import measure
from servers.lifecycle.replay.planners import PolicyPlanner
from servers.lifecycle.replay.trace import TracedJob
from servers.lifecycle.replay.world import Cloud, World
from tests.properties.pool_cases import (
    EXAMPLES,
    PURE,
    START,
    carry_out,
    check_rules,
    draw_policy,
)

pytestmark = pytest.mark.pure


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
