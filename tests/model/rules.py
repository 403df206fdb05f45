"""Every possible step in a world, one at a time.

Workers and the lister do what ``decide`` says, as engine and reconciler do. Each read,
call and transaction is a separate step. Between any two of them, any other step can
happen, or the process can die.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from servers.lifecycle.states import STOPPABLE, Event, Outcome, State, Verdict
from tests.model import changes, lister, views, workers
from tests.model.shape import simplify
from tests.model.views import LEASE, SETTLE
from tests.model.world import (
    DELETING,
    FLYING,
    GONE,
    HIDDEN,
    LIVE,
    LOST,
    MAX_TRIES,
    RUNS,
    SENT,
    SLOTS,
    THERE,
    Budget,
    Step,
    Worker,
    World,
    begin,
    pass_time,
)


@dataclass(frozen=True, slots=True)
class Rules:
    """``bounded``: calls and stalls after the check end as the settle time assumes."""

    bounded: bool
    sweep: bool
    off: frozenset[str] = frozenset()
    at_once: bool = False  # a listing is one step: fewer worlds, for more workers

    def steps(self, world: World) -> Iterator[Step]:
        """Yield each step from a world."""
        sweep = self.sweep
        for name, after, fair in self._raw_steps(world):
            yield Step(name, simplify(after, sweep=sweep), fair)

    def _raw_steps(self, world: World) -> Iterator[Step]:
        if self._may_pass_time(world):
            yield Step("time passes", pass_time(world))
        yield from self._cloud_steps(world)
        yield from self._misfortunes(world)
        yield from workers.claim(world, self.off)
        for index, worker in enumerate(world.workers):
            if worker.at:
                yield from workers.go_on(world, index, self.off)
                yield Step(
                    f"a worker dies at {worker.at!r}",
                    changes.set_worker(world, index, Worker()),
                    fair=False,
                )
        yield from lister.go_on(world, self.off, sweep=self.sweep, at_once=self.at_once)

    # Time and the cloud

    def _may_pass_time(self, world: World) -> bool:
        """Tell whether nothing else has to happen first.

        A listing ends or dies in time; in a bounded world so do calls and stalls.
        """
        if world.lister.at in {"list", "compare"} and world.lister.age >= 1:
            return False
        if world.row.state is State.SHUTDOWN and any(
            slot.build == FLYING for slot in world.cloud
        ):
            return False  # what was sent before the cordon shows within a unit
        if not self.bounded:
            return True
        for worker in world.workers:
            if worker.at == "send" and worker.age + 1 >= LEASE:
                return False
        for index, slot in enumerate(world.cloud):
            attempt = views.find_try(world, slot.owner)
            if slot.status not in {SENT, HIDDEN} or attempt is None:
                continue
            if attempt.lease_end + 1 >= SETTLE:
                return False
            record = world.seen[index]
            if record is not None and record.first + 1 >= SETTLE:
                return False
        return True

    def _cloud_steps(self, world: World) -> Iterator[Step]:
        for index, slot in enumerate(world.cloud):
            for status, name, fair in {
                # Without bounds, late and not shown yet is the same as late.
                SENT: ((HIDDEN if self.bounded else LIVE, "it takes effect", True),
                       (LOST, "the request is lost", False)),
                HIDDEN: ((LIVE, "the instance shows", True),),
                DELETING: ((GONE, "the instance ends", True),),
            }.get(slot.status, ()):  # fmt: skip
                yield Step(name, changes.set_slot(world, index, status), fair)
            for build, after, name in (
                (FLYING, RUNS, "the build begins"),
                (RUNS, "", "the build ends"),
            ):
                if slot.build == build and slot.status in THERE:
                    yield Step(name, _set_build(world, index, after))
            if slot.build == RUNS and slot.status in THERE and world.budget.spends:
                yield Step("the agent ends after its build", _end_agent(world, index))
            record = world.seen[index]
            if self.sweep and record and record.live and record.condemned:
                yield Step(
                    "a condemned instance is destroyed",
                    changes.ask_destroy(world, index),
                )

    def _misfortunes(self, world: World) -> Iterator[Step]:
        budget, row = world.budget, world.row
        if budget.vanish:
            less = world._replace(budget=budget._replace(vanish=budget.vanish - 1))
            for index, slot in enumerate(world.cloud):
                if slot.status == LIVE:
                    yield Step(
                        "the cloud loses the instance",
                        changes.set_slot(less, index, GONE),
                        fair=False,
                    )
        if budget.fails:
            less = world._replace(budget=budget._replace(fails=budget.fails - 1))
            for index, slot in enumerate(world.cloud):
                if slot.status in {HIDDEN, LIVE}:
                    cloud = list(world.cloud)
                    cloud[index] = slot._replace(failed=True, build="")
                    yield Step(
                        "the instance fails",
                        less._replace(cloud=tuple(cloud)),
                        fair=False,
                    )
        if budget.stops and row.state in STOPPABLE:
            less = world._replace(budget=budget._replace(stops=budget.stops - 1))
            yield Step(
                "its end is asked for",
                changes.apply_event(less, Event.STOP_REQUESTED),
                fair=False,
            )
        yield from self._lives(world)
        if budget.retries and _may_retry(world):
            less = world._replace(budget=budget._replace(retries=budget.retries - 1))
            fresh = row._replace(
                state=State.PENDING, slot=-1, base=row.attempt, since=0, spent=False
            )
            yield Step(
                "a retry is asked for",
                changes.abandon(less)._replace(row=fresh),
                fair=False,
            )
        if budget.restores and _may_restore(world):
            fewer = budget._replace(restores=budget.restores - 1)
            yield Step("a backup is restored", _restore(world, fewer), fair=False)

    def _lives(self, world: World) -> Iterator[Step]:
        """Yield what happens to a row with builds."""
        budget, row = world.budget, world.row
        takes = {State.CREATED, State.ERROR}
        if views.CORDON in self.off:
            takes.add(State.SHUTDOWN)
        if budget.builds and row.state in takes and row.slot >= 0:
            slot = world.cloud[row.slot]
            takes_none = slot.failed or slot.build or slot.spent
            if slot.status == LIVE and not takes_none:
                less = world._replace(budget=budget._replace(builds=budget.builds - 1))
                yield Step(
                    "a build is sent", _set_build(less, row.slot, FLYING), fair=False
                )
        if budget.forces and row.state is State.SHUTDOWN and not row.force:
            less = world._replace(budget=budget._replace(forces=budget.forces - 1))
            forced = less._replace(row=row._replace(force=True))
            yield Step("force is asked for", forced, fair=False)
        holds = row.state is State.CREATED and row.slot >= 0
        if holds and not row.spent and world.cloud[row.slot].spent:
            # By a look or a report. Whether it is still so does not matter.
            known = world._replace(row=row._replace(spent=True))
            yield Step("it is known that its agent has ended", known)
        if budget.sick and row.state is State.CREATED:
            less = world._replace(budget=budget._replace(sick=budget.sick - 1))
            lost = less._replace(row=row._replace(state=State.ERROR, since=0))
            yield Step("its health is lost", lost, fair=False)


def _set_build(world: World, index: int, build: str) -> World:
    cloud = list(world.cloud)
    cloud[index] = cloud[index]._replace(build=build)
    return world._replace(cloud=tuple(cloud))


def _end_agent(world: World, index: int) -> World:
    world = _set_build(world, index, "")
    cloud = list(world.cloud)
    cloud[index] = cloud[index]._replace(spent=True)
    budget = world.budget._replace(spends=world.budget.spends - 1)
    return world._replace(cloud=tuple(cloud), budget=budget)


def _may_retry(world: World) -> bool:
    return (
        world.row.state is State.ERROR
        and world.row.attempt < MAX_TRIES
        and not any(record and record.live for record in world.seen)
        and all(entry.outcome is not Outcome.ASKED for entry in world.tries)
    )


def _may_restore(world: World) -> bool:
    """Restore a backup while nothing runs and no call is in progress."""
    return (
        not any(worker.at for worker in world.workers)
        and not world.lister.at
        and world.row.attempt > 0
        and all(slot.status not in {SENT, HIDDEN} for slot in world.cloud)
    )


def _restore(world: World, budget: Budget) -> World:
    fresh = begin(world.budget, workers=len(world.workers))
    kept = [slot for slot in world.cloud if slot.status in THERE]
    return fresh._replace(
        cloud=tuple(slot._replace(owner=0, restored=True) for slot in kept),
        seen=(None,) * len(kept),
        budget=budget,
    )


def is_rest(world: World) -> bool:
    """Tell whether nothing is left to do and everything is right."""
    row = world.row
    if world.lister.at or any(worker.at for worker in world.workers):
        return False
    if any(slot.status in {SENT, HIDDEN, DELETING} for slot in world.cloud):
        return False
    live = {index for index, slot in enumerate(world.cloud) if slot.status == LIVE}
    if row.state is State.CREATED:
        return live == {row.slot} and not world.cloud[row.slot].spent
    if row.state is State.PENDING and _waits_for_a_person(world, live):
        return True
    settled = all(entry.outcome is not Outcome.ASKED for entry in world.tries)
    bounded_out = row.state is State.PENDING and (
        len(world.cloud) >= SLOTS or row.attempt >= MAX_TRIES
    )
    return (
        not live
        and settled
        and (row.state in {State.STOPPED, State.ERROR} or bounded_out)
    )


def _waits_for_a_person(world: World, live: set[int]) -> bool:
    return bool(live) and all(
        world.cloud[slot].restored
        and world.seen[slot] is not None
        and views.judge(world, slot) is Verdict.UNEXPLAINED
        for slot in live
    )
