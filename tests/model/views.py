"""The world in the form that the product's rules use: snapshots, records, decisions."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from typing import Final

from servers.lifecycle import guards
from servers.lifecycle.conditions import Machine
from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import Decision, Move
from servers.lifecycle.ending import quiet_from
from servers.lifecycle.snapshot import (
    AttemptView,
    HostView,
    InstanceView,
    Limits,
    LocationView,
    Pace,
    Placement,
    PlacementView,
    Snapshot,
)
from servers.lifecycle.states import Event, Outcome, State, Verdict, Want
from servers.machine.tcp import OpenPort
from tests.model.world import Row, Seen, Slot, Try, World

# Longer than any back-off, so that every back-off ends within one unit.
UNIT: Final = timedelta(seconds=1000)
NOW: Final = datetime(2026, 1, 1, tzinfo=UTC)
LEASE: Final = 2
SETTLE: Final = 1
GRACE: Final = 1
LIMITS: Final = Limits(retention=UNIT, tries=2, recheck=UNIT)
HASTY: Final = Limits(retention=UNIT, tries=2, recheck=timedelta(0))
LOOKED: Final = Machine(drained=OpenPort(1))  # only a look tells
CLOSED_GATE: Final = "Waiting for a complete listing."
HELD: Final = "An unexplained instance is there."

# The guards that can be switched off.
INTENT: Final = "the intent"
SETTLE_TIME: Final = "the settle time"
CURRENT_ONLY: Final = "only the current attempt is adopted"
CONDEMNED: Final = "the condemned mark"
FENCE: Final = "the fence"
SECOND_LOOK: Final = "the second look"
STALL_LIMIT: Final = "the stall limit"
GATE: Final = "the gate"
CORDON: Final = "the cordon"
RECHECK: Final = "the look after the cordon"
ONE_BUILD: Final = "the end after one build"
CLOSED_IS_FINAL: Final = "a closed attempt takes no instance"


def at(age: int) -> datetime:
    """Return the time ``age`` units ago."""
    return NOW - age * UNIT


def maybe(age: int | None) -> datetime | None:
    """Return the time of an age that may be missing."""
    return None if age is None else at(age)


def age_of(time: datetime | None) -> int | None:
    """Return a time's age in units."""
    return None if time is None else (NOW - time) // UNIT


@lru_cache
def pace(off: frozenset[str]) -> Pace:
    """Return the timings. A guard that is off has no time."""
    return Pace(
        lease=LEASE * UNIT,
        settle=(0 if SETTLE_TIME in off else SETTLE) * UNIT,
        lag=(0 if SECOND_LOOK in off else 1) * UNIT,
        grace=GRACE * UNIT,
        gate=100 * UNIT,
        listing=UNIT / 10,
    )


@dataclass(slots=True)
class Paper:
    """An instance's row in the form that the guards use."""

    live: bool
    first_seen: datetime
    listed_from: datetime | None
    missed_from: datetime | None
    gone_at: datetime | None
    condemned_at: datetime | None
    destroy_asked_at: datetime | None
    verdict: str


def _write(seen: Seen, verdict: Verdict) -> Paper:
    return Paper(
        live=seen.live,
        first_seen=at(seen.first),
        listed_from=maybe(seen.listed),
        missed_from=maybe(seen.missed),
        gone_at=maybe(seen.gone),
        condemned_at=NOW if seen.condemned else None,
        destroy_asked_at=NOW if seen.asked else None,
        verdict=verdict if seen.live else Verdict.GONE,
    )


def _read(paper: Paper, seen: Seen) -> Seen:
    return seen._replace(
        live=paper.live,
        listed=age_of(paper.listed_from),
        missed=age_of(paper.missed_from),
        gone=age_of(paper.gone_at),
    )


@cache
def show(seen: Seen, age: int) -> Seen:
    """Return the record after a listing of that age has shown it live."""
    paper = _write(seen, Verdict.OURS)
    if guards.is_outdated(paper, started=at(age)):
        return seen
    guards.note_shown(paper, live=True, started=at(age))
    return _read(paper, seen)


@cache
def miss(seen: Seen, verdict: Verdict, age: int, off: frozenset[str]) -> Seen:
    """Return the record after a listing of that age has not shown it."""
    paper = _write(seen, verdict)
    timing = pace(off)
    guards.note_missed(paper, started=at(age), settle=timing.settle, lag=timing.lag)
    return _read(paper, seen)


@cache
def may_condemn(seen: Seen, verdict: Verdict, age: int, off: frozenset[str]) -> bool:
    """Tell whether the sweep after a listing of that age may condemn it."""
    started = at(age)
    if SECOND_LOOK in off:
        started += UNIT
    return verdict in {Verdict.ORPHAN, Verdict.DOUBLE} and guards.is_condemnable(
        _write(seen, verdict), started=started, now=NOW, grace=pace(off).grace
    )


def judge(world: World, slot: int) -> Verdict:
    """Return the verdict on the instance of a slot."""
    attempt = find_try(world, world.cloud[slot].owner)
    return guards.judge_instance(
        attempt.outcome if attempt else None,
        known_id=f"i{attempt.slot}" if attempt else "",
        instance_id=f"i{slot}",
    )


def find_try(world: World, number: int) -> Try | None:
    """Return the attempt of a number, or None where the database has none."""
    return world.tries[number - 1] if 0 < number <= len(world.tries) else None


def choose(row: Row, world: World, off: frozenset[str]) -> tuple[Decision, ...]:
    """Return what a step may do that has read ``row``: as it is, and if it is overdue.

    The deadlines are long, so at any time they may just have passed.
    """
    return _choose(
        row._replace(lease=0),
        world.tries,
        world.seen,
        tuple(slot.owner for slot in world.cloud),
        world.newest,
        world.looks,
        world.gate,
        off,
    )


@cache
def _choose(
    row: Row,
    tries: tuple[Try, ...],
    seen: tuple[Seen | None, ...],
    owners: tuple[int, ...],
    newest: int | None,
    looks: tuple[int, ...],
    gate: bool,
    off: frozenset[str],
) -> tuple[Decision, ...]:
    snapshot = _snapshot(row, tries, seen, owners, newest, looks, gate, off)
    plain = decide(snapshot, NOW)
    late = decide(_overdue(snapshot), NOW)
    if isinstance(late, Move) and late.event is Event.DEADLINE_PASSED:
        return plain, late
    return (plain,)


def _snapshot(
    row: Row,
    tries: tuple[Try, ...],
    seen: tuple[Seen | None, ...],
    owners: tuple[int, ...],
    newest: int | None,
    looks: tuple[int, ...],
    gate: bool,
    off: frozenset[str],
) -> Snapshot:
    timing = pace(off)
    instances = tuple(
        _view(record, slot, _shown_owner(owners[slot], row, tries, off), off)
        for slot, record in enumerate(seen)
        if record is not None
    )
    unexplained = any(
        record is not None and record.live and not 0 < owner <= len(tries)
        for record, owner in zip(seen, owners, strict=True)
    )
    closed = "" if gate or GATE in off else CLOSED_GATE
    snapshot = Snapshot(
        # Only a running server can be spent. In this world, it runs once it is created.
        state=State.RUNNING if row.spent and row.state is State.CREATED else row.state,
        state_since=at(row.since),
        created_at=NOW,
        attempt_number=row.attempt,
        tried_from=row.base,
        instance_id=f"i{row.slot}" if row.slot >= 0 else "",
        limits=HASTY if RECHECK in off else LIMITS,
        want=Want.NOW if row.force else Want.GONE,
        was_ready=True,
        drain=1000 * UNIT,
        machine=LOOKED,
        host=HostView(agent_spent=row.spent and ONE_BUILD not in off),
        placements=(PlacementView(Placement(0), "one", "s"),)
        if row.state is State.PENDING
        else (),
        attempts=view_tries(tries),
        instances=instances,
        locations=(
            LocationView(
                location="s",
                name="s",
                pace=timing,
                no_create=closed or (HELD if unexplained else ""),
                no_destroy=closed,
                newest=maybe(newest),
            ),
        ),
    )
    if row.state is not State.STOPPING:
        return snapshot
    return _with_looks(snapshot, looks)


def view_tries(tries: tuple[Try, ...]) -> tuple[AttemptView, ...]:
    """Return the attempts in the form that the rules use."""
    return tuple(
        AttemptView(
            number=number,
            outcome=entry.outcome,
            location="s",
            lease_end=at(entry.lease_end),
            looked_at=maybe(entry.looked),
            answered_at=maybe(entry.answered),
            answer_class=entry.answer,
        )
        for number, entry in enumerate(tries, start=1)
    )


def _shown_owner(
    owner: int, row: Row, tries: tuple[Try, ...], off: frozenset[str]
) -> int:
    if CURRENT_ONLY in off and owner:
        return row.attempt
    return owner if owner <= len(tries) else 0


def _view(record: Seen, slot: int, owner: int, off: frozenset[str]) -> InstanceView:
    return InstanceView(
        pk=slot,
        instance_id=f"i{slot}",
        attempt_number=owner,
        location="s",
        first_seen=at(record.first),
        live=record.live,
        failed=record.failed,
        condemned=record.condemned and CONDEMNED not in off,
        missed_from=maybe(record.missed),
        destroy_asked_at=at(50) if record.asked else None,
    )


def _with_looks(snapshot: Snapshot, looks: tuple[int, ...]) -> Snapshot:
    from dataclasses import replace

    quiet = quiet_from(snapshot)
    counting = [at(age) for age in looks if at(age) > quiet]
    if not counting:
        return snapshot
    (location,) = snapshot.locations
    looked = replace(location, first_look=min(counting), last_look=max(counting))
    return replace(snapshot, locations=(looked,))


def _overdue(snapshot: Snapshot) -> Snapshot:
    from dataclasses import replace

    return replace(snapshot, deadline_at=NOW - 90 * UNIT, failures=1)


def weigh(attempt: Try, slot: int, record: Seen, off: frozenset[str]) -> guards.Claim:
    """Return whether the instance of a slot becomes an attempt's."""
    outcome = attempt.outcome
    if CLOSED_IS_FINAL in off and outcome is not Outcome.ACCEPTED:
        outcome = Outcome.ASKED
    return guards.weigh_claim(
        outcome,
        known_id=f"i{attempt.slot}",
        shown_id=f"i{slot}",
        condemned=record.condemned and CONDEMNED not in off,
    )


def owns(world: World, slot: int) -> bool:
    """Tell whether the row owns the instance of a slot and uses it."""
    return world.row.state is State.CREATED and world.row.slot == slot


def slot_of(cloud: tuple[Slot, ...], number: int) -> int | None:
    """Return the slot of an attempt's request, or None."""
    for index, slot in enumerate(cloud):
        if slot.owner == number:
            return index
    return None
