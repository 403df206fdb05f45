"""The writes of the product's transactions and calls, applied to the world.

Each names the function that it stands for. The guards in them are the real ones.
"""

from servers.lifecycle.guards import Claim
from servers.lifecycle.snapshot import Snapshot
from servers.lifecycle.states import CLOSED, Answer, Event, Outcome, State
from servers.lifecycle.transitions import target_of
from servers.lifecycle.tries import follow_failure
from tests.model import views
from tests.model.views import NOW
from tests.model.world import DELETING, GONE, LIVE, Row, Seen, Try, Worker, World


def is_as_read(row: Row, read: Row) -> bool:
    return (row.state, row.attempt) == (read.state, read.attempt)


def apply_event(world: World, event: Event) -> World:
    """Move the row by the table, with what else the ledger writes."""
    target = target_of(world.row.state, event)
    assert target is not None, (world.row.state, event)
    if event is Event.STOP_REQUESTED:
        # In a world without builds, move on to stopping at once.
        target = State.SHUTDOWN if world.drains else State.STOPPING
    world = world._replace(row=world.row._replace(state=target, since=0))
    if event is Event.INSTANCE_FAILED:
        world = world._replace(row=world.row._replace(slot=-1, spent=False))
        return abandon(world, Answer.FAILED)
    return abandon(world) if event is Event.ABSENCE_CONFIRMED else world


def abandon(world: World, answer: str = "") -> World:
    return world._replace(
        tries=tuple(
            entry
            if entry.outcome in CLOSED
            else entry._replace(outcome=Outcome.ABANDONED, answer=answer)
            for entry in world.tries
        )
    )


def accept(world: World, number: int, slot: int, off: frozenset[str]) -> World:
    """As record_accepted does, in one transaction."""
    attempt = views.find_try(world, number)
    if attempt is None:
        return world
    world = record(world, slot)
    known = world.seen[slot]
    assert known is not None
    if views.weigh(attempt, slot, known, off) is not Claim.OWN:
        return world
    entry = attempt._replace(outcome=Outcome.ACCEPTED, slot=slot, answered=0)
    world = set_try(world, number, entry)
    row = world.row
    if row.attempt != number or row.state is State.STOPPED:
        return world
    if row.state is State.CREATING:
        world = apply_event(world, Event.INSTANCE_KNOWN)
    return world._replace(row=world.row._replace(slot=slot))


def close(world: World, number: int, outcome: Outcome, answer: Answer) -> World:
    """As close_attempt does, in one transaction."""
    entry = views.find_try(world, number)
    if entry is None or entry.outcome is not Outcome.ASKED:
        return world
    answered = 0 if outcome is Outcome.REFUSED else None
    before = world.tries
    closed = entry._replace(outcome=outcome, answered=answered, answer=answer)
    world = set_try(world, number, closed)
    row = world.row
    if row.state is not State.CREATING or row.attempt != number:
        return world
    event = (
        Event.ATTEMPT_REFUSED if outcome is Outcome.REFUSED else Event.ATTEMPT_ABSENT
    )
    snapshot = Snapshot(
        state=row.state,
        state_since=NOW,
        created_at=NOW,
        tried_from=row.base,
        limits=views.LIMITS,
        attempts=views.view_tries(before),
    )
    follow = follow_failure(snapshot, event, placement=0, answer=answer)
    return apply_event(world, follow)


def ask_destroy(world: World, slot: int) -> World:
    """As destroy_instances does: the call for a slot, and its note."""
    record = world.seen[slot]
    assert record is not None
    world = set_seen(world, slot, record._replace(asked=True))
    if world.cloud[slot].status == LIVE:
        return set_slot(world, slot, DELETING, by_us=True)
    return world


def record(world: World, slot: int) -> World:
    """As record_instance does: only where there is no record yet."""
    if world.seen[slot] is not None:
        return world
    return set_seen(world, slot, Seen())


def set_worker(world: World, index: int, worker: Worker) -> World:
    workers = list(world.workers)
    workers[index] = worker
    return world._replace(workers=tuple(workers))


def set_slot(world: World, index: int, status: str, *, by_us: bool = False) -> World:
    cloud = list(world.cloud)
    cloud[index] = cloud[index]._replace(
        status=status,
        by_us=by_us or cloud[index].by_us,
        failed=cloud[index].failed and status != GONE,
        build="" if status == GONE else cloud[index].build,
    )
    return world._replace(cloud=tuple(cloud))


def set_seen(world: World, index: int, record: Seen) -> World:
    seen = list(world.seen)
    seen[index] = record
    return world._replace(seen=tuple(seen))


def set_try(world: World, number: int, entry: Try) -> World:
    tries = list(world.tries)
    tries[number - 1] = entry
    return world._replace(tries=tuple(tries))
