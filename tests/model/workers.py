"""Workers: read, then one action. Each of its reads and writes is a separate step.

The lease is taken by what needs it: a call at once, a create call by its intent.
"""

from collections.abc import Iterator

from servers.lifecycle.decisions import (
    Adopt,
    CloseAttempt,
    ConfirmVanished,
    Destroy,
    LookUp,
    Move,
    Probe,
    WriteIntent,
)
from servers.lifecycle.guards import find_send_limit
from servers.lifecycle.states import Answer, Event, Outcome, State
from tests.model import changes, views
from tests.model.views import LEASE
from tests.model.world import (
    DELETING,
    LIVE,
    LOST,
    MAX_TRIES,
    RUNS,
    SENT,
    SLOTS,
    THERE,
    Slot,
    Step,
    Try,
    Worker,
    World,
)

Off = frozenset[str]


def claim(world: World, off: Off) -> Iterator[Step]:
    row = world.row
    if row.lease or row.state is State.STOPPED or world.workers[0].at:
        return
    for decision in views.choose(row, world, off):
        if isinstance(decision, Destroy):
            # At once: a row that is stopping never leaves that path, so no delay of
            # this call can make it wrong.
            after = world
            for instance in decision.instances:
                after = changes.ask_destroy(after, instance.pk)
            yield Step("a worker asks for its end", after)
            continue
        plan = _plan(decision, world)
        if not plan:
            continue
        worker = Worker(plan[0], fenced=True, row=row, what=plan[1])
        after = changes.set_worker(world, 0, worker)
        if plan[0] in {"look", "confirm", "drain"}:
            after = _take_lease(after, 0, LEASE)
        yield Step(f"a worker reads it, to {plan[0]}", after)


def _take_lease(world: World, index: int, length: int) -> World:
    """Raise the fence: no other worker can write to the row any more."""
    workers = tuple(
        worker._replace(fenced=False) if worker.at and at != index else worker
        for at, worker in enumerate(world.workers)
    )
    return world._replace(row=world.row._replace(lease=length), workers=workers)


def _plan(decision: object, world: World) -> tuple[str, tuple[object, ...]] | None:
    match decision:
        case Move(event=event):
            return "move", (event,)
        case Adopt(instance=instance):
            return "adopt", (instance.pk,)
        case WriteIntent() if _has_room(world):
            return "intend", ()
        case LookUp(attempt=number):
            return "look", (number,)
        case CloseAttempt(attempt=number):
            return "close", (number,)
        case ConfirmVanished(instance=instance):
            return "confirm", (instance.pk,)
        case Probe(settled=settled):
            return "drain", (world.row.slot, settled is None or settled <= views.NOW)
    return None


def _has_room(world: World) -> bool:
    # Without intents, no row has the number of calls.
    return world.row.attempt < MAX_TRIES and len(world.cloud) < SLOTS + (
        world.budget.restores
    )


def go_on(world: World, index: int, off: Off) -> Iterator[Step]:
    """Yield what a worker within a step can do next."""
    worker = world.workers[index]
    match worker.at:
        case "intend":
            yield _intend(world, index, off)
        case "check":
            yield _check(world, index, _number(worker), off)
        case "send":
            yield _send(world, index, _number(worker), off)
        case "await":
            yield from _await(world, index, _number(worker), _number(worker, 1))
        case "look":
            yield _look(world, index, _number(worker))
        case "drain":
            yield _drain(world, index, _number(worker), is_settled=bool(worker.what[1]))
        case "confirm":
            there = world.cloud[_number(worker)].status in {LIVE, DELETING}
            at = "was there" if there else "was gone"
            after = _go_on(world, index, at, worker.what)
            yield Step("a worker asks for its id", after)
        case _:
            yield _done(worker.at, _write(world, worker, off), index)


def _drain(world: World, index: int, slot: int, *, is_settled: bool) -> Step:
    """Look at the machine. A look that finds nothing counts once it is settled."""
    if world.cloud[slot].build == RUNS or not is_settled:
        return _done("sees that it still drains", world, index)
    after = _go_on(world, index, "move", (Event.DRAINED,))
    return Step("a worker sees no build", after)


def _number(worker: Worker, place: int = 0) -> int:
    number = worker.what[place]
    assert isinstance(number, int)
    return number


def _write(world: World, worker: Worker, off: Off) -> World:
    """Return the world after the one transaction that ends a step."""
    match worker.at, worker.what:
        case "move", (Event() as event,):
            return _move(world, worker, event, off)
        case "adopt", (int(slot),):
            number = worker.row.attempt if worker.row else 0
            return changes.accept(world, number, slot, off)
        case "save", (int(number), int(slot)):
            return _save(world, worker, number, slot, off)
        case "save refusal", (int(number), Answer() as answer):
            return changes.close(world, number, Outcome.REFUSED, answer)
        case "close", (int(number),):
            return changes.close(world, number, Outcome.ABSENT, Answer.SILENCE)
        case "none", (int(number),):
            entry = world.tries[number - 1]._replace(looked=worker.age)
            return changes.set_try(world, number, entry)
        case "was there" | "was gone", (int(slot),):
            return _note_confirmed(world, worker, slot)
        case "lost", _:
            return world
    raise AssertionError(worker)


def _note_confirmed(world: World, worker: Worker, slot: int) -> World:
    """As record_seen and record_gone do."""
    record = world.seen[slot]
    assert record is not None
    if worker.at == "was there":
        return changes.set_seen(world, slot, record._replace(live=True, missed=None))
    gone = record._replace(live=False, gone=worker.age)
    return changes.set_seen(world, slot, gone)


def _look(world: World, index: int, number: int) -> Step:
    found = views.slot_of(world.cloud, number)
    if found is None or world.cloud[found].status not in {LIVE, DELETING}:
        after = _go_on(world, index, "none", (number,))
        return Step("a worker does not find its key", after)
    return _done("finds its key", changes.record(world, found), index)


def _done(name: str, world: World, index: int) -> Step:
    """Release the lease if it is still held."""
    if world.workers[index].fenced:
        world = world._replace(row=world.row._replace(lease=0))
    return Step(f"a worker {name}", changes.set_worker(world, index, Worker()))


def _holds(worker: Worker, off: Off) -> bool:
    return views.FENCE in off or worker.fenced


def _move(world: World, worker: Worker, event: Event, off: Off) -> World:
    assert worker.row is not None
    if not _holds(worker, off) or not changes.is_as_read(world.row, worker.row):
        return world
    return changes.apply_event(world, event)


def _is_late(worker: Worker, off: Off) -> bool:
    limit = find_send_limit(claimed=0, lease=LEASE)
    return views.STALL_LIMIT not in off and worker.age >= limit


def _intend(world: World, index: int, off: Off) -> Step:
    worker = world.workers[index]
    assert worker.row is not None
    number = worker.row.attempt + 1
    if views.INTENT in off:
        after = _go_on(world, index, "check", (number,))
        return Step("a worker begins to ask", after)
    allowed = (
        not _is_late(worker, off)
        and _holds(worker, off)
        and worker.age < LEASE
        and changes.is_as_read(world.row, worker.row)
    )
    if not allowed:
        return _done("may not ask any more", world, index)
    row = changes.apply_event(world, Event.ATTEMPT_WRITTEN).row._replace(attempt=number)
    tries = (*world.tries, Try(Outcome.ASKED, lease_end=worker.age - LEASE))
    after = world._replace(row=row, tries=tries)
    after = _take_lease(after, index, LEASE - worker.age)
    return Step("a worker writes the intent", _go_on(after, index, "check", (number,)))


def _check(world: World, index: int, number: int, off: Off) -> Step:
    if _is_late(world.workers[index], off):
        if views.INTENT not in off:
            world = changes.close(world, number, Outcome.ABSENT, Answer.UNSENT)
        return _done("is too late to send", world, index)
    after = _go_on(world, index, "send", (number,))
    return Step("a worker sees that it is in time", after)


def _send(world: World, index: int, number: int, off: Off) -> Step:
    owner = 0 if views.INTENT in off else number
    if len(world.cloud) >= SLOTS:
        return _done("finds no room in this world", world, index)
    after = world._replace(
        cloud=(*world.cloud, Slot(SENT, owner)), seen=(*world.seen, None)
    )
    what = (number, len(world.cloud))
    return Step("a worker sends the call", _go_on(after, index, "await", what))


def _await(world: World, index: int, number: int, slot: int) -> Iterator[Step]:
    status = LOST if slot < 0 else world.cloud[slot].status
    if status in THERE:
        after = _go_on(world, index, "save", (number, slot))
        yield Step("the answer comes", after)
    if status == SENT:
        refused = changes.set_slot(world, slot, LOST)
        for answer, name in (
            (Answer.REFUSED, "the cloud refuses"),
            (Answer.THROTTLED, "the cloud has no time"),
        ):
            after = _go_on(refused, index, "save refusal", (number, answer))
            yield Step(name, after, fair=False)
    yield _done("waits in vain", world, index)


def _save(world: World, worker: Worker, number: int, slot: int, off: Off) -> World:
    if views.INTENT not in off:
        return changes.accept(world, number, slot, off)
    assert worker.row is not None
    if not changes.is_as_read(world.row, worker.row):
        return world
    # Written only now, together with its answer.
    row = world.row._replace(state=State.CREATED, attempt=number, slot=slot)
    cloud = list(world.cloud)
    cloud[slot] = cloud[slot]._replace(owner=number)
    entry = Try(Outcome.ACCEPTED, lease_end=0, answered=0, slot=slot)
    return changes.record(
        world._replace(row=row, tries=(*world.tries, entry), cloud=tuple(cloud)),
        slot,
    )


def _go_on(world: World, index: int, at: str, what: tuple[object, ...]) -> World:
    worker = world.workers[index]._replace(at=at, what=what)
    return changes.set_worker(world, index, worker)
