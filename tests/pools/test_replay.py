"""Policies replayed over jobs: what POOLS' peers do, and what ours does."""

from pathlib import Path

import pytest

from servers.lifecycle.pools.policy import DAY, Policy
from servers.lifecycle.replay.measure import Measure, find_percentile, measure
from servers.lifecycle.replay.planners import DronePlanner, PolicyPlanner
from servers.lifecycle.replay.rivals import Rivals
from servers.lifecycle.replay.trace import TracedJob, make_trace, read_trace
from servers.lifecycle.replay.world import Cloud, Planner, World

pytestmark = pytest.mark.pure

JOBS = make_trace(days=1, jobs_per_day=1200)
IDLE = (60, 180, 300, 600, 1200)


def replay(planner: Planner, cloud: Cloud | None = None) -> Measure:
    world = World(JOBS, cloud or Cloud())
    return measure(world.run({"": planner}, tick=10))


def ours(idle: float = 300) -> PolicyPlanner:
    return PolicyPlanner(Policy(min=2, max=150, slots=2, idle=idle))


def test_jobs_wait_less_and_servers_cost_less_than_by_drone_s_defaults() -> None:
    drone, own = replay(DronePlanner(max=150)), replay(ours())
    assert own.mean <= 0.75 * drone.mean
    assert own.p95 <= 0.4 * drone.p95
    assert own.hours <= 0.9 * drone.hours
    assert own.killed == own.breaches == 0


def test_the_best_of_both_lie_on_the_same_curve() -> None:
    best = min(replay(ours(idle)).cost(5) for idle in IDLE)
    drone = [DronePlanner(tick=10, max=150, min_age=idle) for idle in IDLE]
    assert best <= 1.05 * min(replay(each).cost(5) for each in drone)


def test_failed_boots_cost_next_to_nothing() -> None:
    without = replay(ours(600))
    failing = replay(ours(600), Cloud(failing=0.02, retention=600))
    assert failing.hours <= 1.05 * without.hours
    assert failing.p95 <= 1.05 * without.p95


def test_a_label_that_floods_does_not_make_another_wait() -> None:
    mine = [TracedJob(job.queued_at, job.seconds, "a") for job in JOBS]
    flood = [TracedJob(40_000 + number / 10, 600, "b") for number in range(1000)]
    policy = Policy(min=2, max=150, slots=2)
    waits = []
    for jobs, labels in ((mine, "a"), ([*mine, *flood], "ab")):
        world = World(sorted(jobs, key=lambda job: job.queued_at), Cloud())
        rivals = Rivals(100, dict.fromkeys(labels, policy))
        found = measure(world.run(rivals.build(), tick=10), "a")
        assert found.breaches == 0
        waits.append(found.p95)
    assert waits[1] <= 1.05 * waits[0]


def test_while_the_queue_is_silent_nothing_changes() -> None:
    world = World(JOBS, Cloud())
    world.outages = [(40_000.0, 40_600.0)]
    changes = world.run({"": ours()}, tick=10).changes
    assert [at for at in changes if 40_000 <= at < 40_600] == []
    assert [at for at in changes if 40_600 <= at < 42_000]


def test_a_day_s_budget_delays_jobs_and_is_there_again_the_next_day() -> None:
    jobs = [TracedJob(0, 600)] * 4 + [TracedJob(7200, 600)] * 6
    jobs += [TracedJob(DAY + 10, 600)] * 4
    found = []
    for budget in (0.0, 4.0):
        policy = Policy(max=20, price=1.0, cost_per_day=budget)
        world = World(jobs, Cloud(slots=1))
        found.append(measure(world.run({"": PolicyPlanner(policy)}, tick=10)))
    free, bound = found
    # Of the 4 of a day about 1.1 are spent by noon: that leaves an hour of 2 servers.
    assert (free.created_per_100, bound.created_per_100) == (100, 100 * 10 / 14)
    assert bound.longest > free.longest
    assert bound.jobs == 14
    assert bound.killed == bound.never_run == 0


def test_all_jobs_above_max_run() -> None:
    world = World([TracedJob(0, 300)] * 25, Cloud(slots=1))
    found = measure(world.run({"": PolicyPlanner(Policy(max=15))}, tick=10))
    assert (found.jobs, found.breaches, found.created_per_100) == (25, 0, 60)


def test_a_job_of_several_days_is_replayed_to_its_end() -> None:
    world = World([TracedJob(0, 3 * DAY)], Cloud())
    found = measure(world.run({"": PolicyPlanner(Policy(slots=2))}, tick=10))
    assert found.hours == pytest.approx(72, abs=0.2)
    assert found.idle == pytest.approx(0.5, abs=0.01)


def test_what_is_not_run_before_a_replay_is_given_up_keeps_no_slot_busy() -> None:
    world = World([TracedJob(0, 3 * DAY)] * 3, Cloud(slots=1))
    found = measure(world.run({"": PolicyPlanner(Policy(max=1))}, tick=10))
    assert found.never_run == 1
    assert 0 <= found.idle < 0.01


def test_the_same_seed_gives_the_same_result() -> None:
    assert replay(ours(), Cloud(failing=0.1)) == replay(ours(), Cloud(failing=0.1))
    assert replay(ours(), Cloud(failing=0.1, seed=2)) != replay(
        ours(), Cloud(failing=0.1)
    )


def test_a_file_that_is_no_trace_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.dat"
    for content in (b"", b"123456789"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="records of 8 bytes"):
            read_trace(path)
    path.write_bytes(bytes.fromhex("000003e8000007d0000001f4000003e8"))
    assert read_trace(path) == [TracedJob(0.5, 1.0), TracedJob(1.0, 2.0)]


def test_percentiles_of_nothing_are_nothing() -> None:
    assert find_percentile([], 95) == 0.0
    assert find_percentile([1, 2, 3, 4], 50) == 3
    assert find_percentile([1, 2, 3, 4], 100) == 4
