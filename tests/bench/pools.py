"""Policies for pools on a trace of jobs: ServerFleet's against the Drone Autoscaler's.

The ratios are of one run over the same jobs. Nothing here depends on the machine.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from servers.lifecycle.pools.policy import Policy
from servers.lifecycle.replay.measure import Measure, measure
from servers.lifecycle.replay.planners import DronePlanner, PolicyPlanner
from servers.lifecycle.replay.rivals import Rivals
from servers.lifecycle.replay.trace import TracedJob, make_trace, read_trace
from servers.lifecycle.replay.world import Cloud, Planner, World
from tests.bench.table import Row

MOST: Final = 150
SLOTS: Final = 2
TICK: Final = 10.0
MINUTES: Final = (1, 2, 3, 5, 10, 20, 55)
POLICY: Final = Policy(min=2, max=MOST, slots=SLOTS)


def measure_pools(path: str) -> Iterator[Row]:
    """Replay a file of jobs, or a day that is made up."""
    jobs = read_trace(Path(path)) if path else make_trace(days=2, jobs_per_day=2000)
    yield from _compare_defaults(jobs)
    yield from _compare_best(jobs)
    yield from _compare_failures(jobs)
    yield from _compare_labels(jobs)
    yield from _count_outage(jobs)
    yield from _count_above_max()


def replay(jobs: Sequence[TracedJob], planner: Planner, **cloud: float) -> Measure:
    """Return the figures of a policy over jobs."""
    world = World(jobs, replace(Cloud(slots=SLOTS), **cloud))  # type: ignore[arg-type]
    return measure(world.run({"": planner}, tick=TICK))


def _plan(minutes: float) -> PolicyPlanner:
    return PolicyPlanner(replace(POLICY, idle=minutes * 60))


def _compare_defaults(jobs: Sequence[TracedJob]) -> Iterator[Row]:
    drone, ours = replay(jobs, DronePlanner(max=MOST)), replay(jobs, _plan(5))
    for what, own, other, bar in (
        ("mean wait, idle 5 min : Drone's defaults", ours.mean, drone.mean, 0.75),
        ("p95 of the wait : Drone's defaults", ours.p95, drone.p95, 0.4),
        ("server-hours : Drone's defaults", ours.hours, drone.hours, 0.9),
    ):
        yield _row(what, own, other, bar)


def _compare_best(jobs: Sequence[TracedJob]) -> Iterator[Row]:
    def find_best(make: Callable[[float], Planner]) -> float:
        return min(replay(jobs, make(minutes)).cost(5) for minutes in MINUTES)

    def make_drone(minutes: float) -> Planner:
        return DronePlanner(tick=TICK, max=MOST, min_age=minutes * 60)

    what = "best cost (a wait counts five times) : Drone's best"
    yield _row(what, find_best(_plan), find_best(make_drone), 1.05)


def _compare_failures(jobs: Sequence[TracedJob]) -> Iterator[Row]:
    without, failing = replay(jobs, _plan(10)), replay(jobs, _plan(10), failing=0.02)
    what = "server-hours, 2 % of boots fail : none"
    yield _row(what, failing.hours, without.hours, 1.05)
    yield _row("p95, 2 % of boots fail : none", failing.p95, without.p95, 1.05)


def _compare_labels(jobs: Sequence[TracedJob]) -> Iterator[Row]:
    mine = [replace(job, label="a") for job in jobs]
    middle = mine[len(mine) // 3].queued_at
    flood = [TracedJob(middle + number / 10, 600, "b") for number in range(5000)]
    found = []
    for some, labels in ((mine, "a"), ([*mine, *flood], "ab")):
        world = World(sorted(some, key=lambda job: job.queued_at), Cloud(slots=SLOTS))
        rivals = Rivals(MOST * 2, dict.fromkeys(labels, POLICY))
        found.append(measure(world.run(rivals.build(), tick=TICK), "a").p95)
    yield _row(
        "p95 of a label beside one that floods : alone", found[1], found[0], 1.05
    )


def _count_outage(jobs: Sequence[TracedJob]) -> Iterator[Row]:
    world = World(jobs, Cloud(slots=SLOTS))
    begin = jobs[len(jobs) // 2].queued_at
    world.outages = [(begin, begin + 600)]
    changes = world.run({"": _plan(5)}, tick=TICK).changes
    number = sum(begin <= at < begin + 600 for at in changes)
    yield ("changes while the queue is silent for 10 min", str(number), "0", "")


def _count_above_max() -> Iterator[Row]:
    jobs = [TracedJob(0, 300)] * 25
    found = replay(jobs, PolicyPlanner(Policy(max=15)), slots=1)
    yield ("of 25 jobs with a max of 15, run", str(found.jobs), "25", "")


def _row(what: str, own: float, other: float, bar: float) -> Row:
    ratio = own / other if other else 1.0
    return (what, f"{own:,.0f}", f"{other:,.0f}", f"{ratio:.2f} (bar {bar:g})")
