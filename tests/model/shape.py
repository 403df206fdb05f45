"""One canonical form for all worlds that no rule can tell apart.

Each age is kept only as far as some rule still compares it with another. What no rule
reads again is dropped. Otherwise the clock alone would create millions of states.
"""

from functools import cache

from servers.lifecycle.states import CLOSED, ENDING, Outcome, State
from tests.model.views import GRACE, SETTLE
from tests.model.world import CAP, GONE, LOST, Lister, Row, Seen, Try, Worker, World


def simplify(world: World, *, sweep: bool) -> World:
    """Return the form that stands for ``world``."""
    world = _drop_slots(world)
    row = world.row
    # The oldest moment that a running step will still compare with.
    listed = world.lister.age if world.lister.at in {"list", "compare"} else -1
    looks: tuple[int, ...] = ()
    if row.state is State.STOPPING:
        looks = tuple(age for age in world.looks if age < row.since)
    # Looks count as proof of absence only once a row is stopping.
    horizon = max(listed, *looks, 0) + 1 if row.state is State.STOPPING else 0
    seen = tuple(
        None if record is None else _simplify_seen(record, listed, sweep=sweep)
        for record in world.seen
    )
    missed = [record.missed for record in seen if record and record.missed is not None]
    newest = world.newest
    if newest is not None:
        newest = min(newest, max(missed)) if missed else 0
    return World(
        _simplify_row(row, horizon),
        _simplify_tries(world.tries, horizon, _find_forgotten(world)),
        seen,
        world.cloud,
        _simplify_workers(world.workers, world.tries),
        _simplify_lister(world.lister),
        newest,
        looks,
        world.gate,
        world.budget,
        world.drains,
    )


def _find_forgotten(world: World) -> int:
    """Return the number up to which no rule asks for an attempt's outcome again."""
    row = world.row
    over = row.state in {*ENDING, State.ERROR}
    may_fail = world.budget.fails or any(slot.failed for slot in world.cloud)
    holds = row.state is State.CREATED and not may_fail
    return CAP if over or holds else row.base


@cache
def _simplify_lister(lister: Lister) -> Lister:
    if lister.at == "follow":
        return Lister("follow")
    return lister._replace(age=min(lister.age, 2)) if lister.at else Lister()


@cache
def _simplify_workers(
    workers: tuple[Worker, ...], tries: tuple[Try, ...]
) -> tuple[Worker, ...]:
    plain = [_simplify_worker(worker, tries) for worker in workers]
    return tuple(sorted(plain, key=_order))


def _drop_slots(world: World) -> World:
    """Drop requests that created nothing, and instances that ended unseen.

    Later ones move up, and so do references to them.
    """
    stale = world.budget.stale
    kept = [
        index
        for index, slot in enumerate(world.cloud)
        if slot.status != LOST
        and not (slot.status == GONE and world.seen[index] is None and not stale)
    ]
    if len(kept) == len(world.cloud):
        return world
    new = {old: index for index, old in enumerate(kept)} | {-1: -1}
    return world._replace(
        cloud=tuple(world.cloud[index] for index in kept),
        seen=tuple(world.seen[index] for index in kept),
        row=world.row._replace(slot=new.get(world.row.slot, -1)),
        tries=tuple(
            entry._replace(slot=new.get(entry.slot, -1)) for entry in world.tries
        ),
        workers=tuple(_renumber(worker, new) for worker in world.workers),
        lister=world.lister._replace(
            seen=tuple(new[index] for index in world.lister.seen if index in new),
            failed=tuple(new[index] for index in world.lister.failed if index in new),
        ),
    )


_NAMES_SLOT = {"drain": 0, "adopt": 0, "confirm": 0, "was there": 0, "was gone": 0}
_NAMES_BOTH = {"await": 1, "save": 1}


def _renumber(worker: Worker, new: dict[int, int]) -> Worker:
    place = (_NAMES_SLOT | _NAMES_BOTH).get(worker.at)
    if place is None:
        return worker
    what = list(worker.what)
    old = what[place]
    assert isinstance(old, int)
    if old not in new and worker.at != "await":
        return Worker(at="lost", fenced=worker.fenced)
    what[place] = new.get(old, -1)
    return worker._replace(what=tuple(what))


def _order(worker: Worker) -> tuple[object, ...]:
    row = worker.row
    return (
        worker.at,
        worker.fenced,
        worker.age,
        "" if row is None else row.state,
        -1 if row is None else row.attempt,
        repr(worker.what),
    )


@cache
def _simplify_row(row: Row, horizon: int) -> Row:
    """Only waits for a next try, retention, and looks ask how long a state lasts."""
    most = {
        State.PENDING: 1 if row.attempt > row.base else 0,
        State.ERROR: 1,
        State.SHUTDOWN: 1,
        State.STOPPING: horizon,
    }
    if row.state is State.STOPPED:
        row = row._replace(base=0, lease=0, force=False, spent=False)
    return row._replace(since=min(row.since, most.get(row.state, 0)))


@cache
def _simplify_tries(
    tries: tuple[Try, ...], horizon: int, forgets: int
) -> tuple[Try, ...]:
    plain = [
        _simplify_try(
            entry._replace(answer="") if number <= forgets else entry, horizon
        )
        for number, entry in enumerate(tries, start=1)
    ]
    for index, entry in enumerate(plain[:-1]):
        # Beside a later one that needs looks, a closed one that is long over is
        # like one that was refused.
        over = entry.answered is not None or entry.lease_end >= SETTLE + horizon
        if (
            over
            and entry.outcome in CLOSED
            and plain[-1].outcome is not Outcome.REFUSED
        ):
            plain[index] = Try(
                Outcome.REFUSED, lease_end=CAP, answered=0, answer=entry.answer
            )
    return tuple(plain)


def _simplify_try(entry: Try, horizon: int) -> Try:
    settled = entry.lease_end >= SETTLE
    match entry.outcome:
        case Outcome.REFUSED:
            return Try(Outcome.REFUSED, lease_end=CAP, answered=0, answer=entry.answer)
        case Outcome.ASKED:
            end = min(entry.lease_end, SETTLE + horizon)
            looked = None
            if entry.looked is not None:
                # Only whether the look began after the settle time.
                after = settled and entry.looked <= entry.lease_end - SETTLE
                looked = 0 if after or not settled else end - SETTLE + 1
            return entry._replace(looked=looked, lease_end=end)
    slot = -1 if entry.outcome in CLOSED else entry.slot
    if entry.answered is None:
        end = min(entry.lease_end, SETTLE + horizon)
        return entry._replace(looked=None, slot=slot, lease_end=end)
    # What counts from now on lies later than the answer's settle time. How long its
    # lease has ended bounds only what is still to come of it.
    return entry._replace(
        looked=None,
        slot=slot,
        lease_end=min(entry.lease_end, SETTLE),
        answered=min(entry.answered, SETTLE + horizon),
    )


@cache
def _simplify_seen(record: Seen, listed: int, *, sweep: bool) -> Seen:
    if not record.live:
        gone = None if record.gone is None else min(record.gone, listed + 1)
        return Seen(
            live=False,
            first=CAP,
            missed=None if record.missed is None else 0,
            gone=gone,
            condemned=record.condemned,
        )
    known = None if record.listed is None else min(record.listed, max(listed, 0) + 1)
    return record._replace(
        first=min(record.first, max(listed, 0) + max(SETTLE, GRACE)),
        listed=known if sweep else None,
        missed=None
        if record.missed is None
        else min(record.missed, max(listed, 0) + 1),
        gone=None,
    )


_AGED = {"intend": 1, "check": 1, "send": 1, "was gone": 2}


def _simplify_worker(worker: Worker, tries: tuple[Try, ...]) -> Worker:
    if not worker.at:
        return worker
    row = worker.row
    age = min(worker.age, _AGED.get(worker.at, 0))
    if worker.at in {"look", "none"}:
        number = worker.what[0]
        assert isinstance(number, int)
        end = tries[number - 1].lease_end if number <= len(tries) else CAP
        after = end >= SETTLE and worker.age <= end - SETTLE
        age = 0 if after or end < SETTLE else end - SETTLE + 1
    return worker._replace(
        age=age,
        row=None if row is None else Row(state=row.state, attempt=row.attempt),
    )
