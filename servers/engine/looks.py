"""Looks at instances: make one, record what it found, and say what follows.

A look is a call to the instance itself, so it is made without a transaction and within
a few seconds. What it found is recorded with the step's fence still in force.
"""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from servers.engine.waits import Rest
from servers.lifecycle.conditions import Look, Met, NotYet
from servers.lifecycle.cordon import say_behind
from servers.lifecycle.decisions import Move, Probe, Tell
from servers.lifecycle.drain import end_drain, say_wait
from servers.lifecycle.snapshot import Snapshot
from servers.lifecycle.states import State
from servers.records.counters import count_fault
from servers.wording import make_printable

logger = logging.getLogger(__name__)

_FAULT: Final = "A look failed because of a bug in ServerFleet. See the worker's log."
_AGAIN: Final = "No build was seen. Looking once more for one that was just sent."


def make_look(look: Look, *, name: str, seconds: float) -> Met | NotYet:
    """Look once. A bug in a look must not hold up its server's deadline.

    Nor must the words of whoever answers there: half a surrogate pair or a NUL can't be
    recorded, and then nothing would follow from the look, not even that it was made.
    """
    try:
        return _make_printable(look(timeout=seconds))
    except Exception:
        logger.exception("A look at %s failed.", name)
        count_fault()
        return NotYet(_FAULT)


def _make_printable(found: Met | NotYet) -> Met | NotYet:
    if isinstance(found, Met):
        return replace(found, reason=make_printable(found.reason))
    builds = found.builds
    if builds is not None:
        builds = tuple(make_printable(each) for each in builds)
    return replace(found, because=make_printable(found.because), builds=builds)


def weigh_look(
    probe: Probe,
    found: Met | NotYet,
    snapshot: Snapshot,
    *,
    began: datetime,
    now: datetime,
) -> Move | Rest:
    """Return what follows from a look that began no earlier than ``began``."""
    if isinstance(found, Met):
        # What comes while it lasts may have been missed, so its beginning counts.
        if probe.settled is None or began >= probe.settled:
            return Move(probe.event, found.reason)
        return Rest(max(probe.settled, now), _AGAIN)
    because = found.because
    if snapshot.state is State.SHUTDOWN:
        because = say_wait(snapshot, because, found.builds)
    until = found.until
    if until is None or until <= now:
        until = now + probe.again
    return Rest(min([until, *_list_ends(snapshot, now)]), because)


def await_turn(snapshot: Snapshot, wait: timedelta, *, now: datetime) -> Rest:
    """Return the rest of a server whose look has no slot yet."""
    return Rest(min([now + wait, *_list_ends(snapshot, now)]), snapshot.waiting)


def weigh_follow(
    call: Tell, found: Met | NotYet, snapshot: Snapshot, *, now: datetime
) -> Rest:
    """Return when an agent that does not follow its server's cordon is told again."""
    first = min(now + call.again, call.next_check, *_list_ends(snapshot, now))
    return Rest(max(first, now), say_behind(found, cordoned=snapshot.cordoned))


def _list_ends(snapshot: Snapshot, now: datetime) -> list[datetime]:
    """Return when the state may end whatever a look finds.

    A time that has passed is none of them: what else is needed then, such as a fresh
    listing, comes by itself, and until then looks keep their pace.
    """
    shuts_down = snapshot.state is State.SHUTDOWN
    ends = end_drain(snapshot) if shuts_down else snapshot.deadline_at
    times = (ends, snapshot.ends_at)
    return [time for time in times if time is not None and time > now]
