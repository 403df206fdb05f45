"""Decide by what must hold on the instance: one condition, one event."""

from datetime import datetime, timedelta
from typing import Final

from servers.lifecycle.conditions import Condition, Met, NotYet
from servers.lifecycle.decisions import Decision, Move, Probe, Wait
from servers.lifecycle.snapshot import Snapshot
from servers.lifecycle.states import Event

# Between two looks: a tenth of the time that it has lasted by now, within these.
_SOONEST: Final = timedelta(seconds=2)
_LATEST: Final = timedelta(seconds=15)
_SHARE: Final = 10


def follow_condition(
    snapshot: Snapshot,
    condition: Condition,
    event: Event,
    address: str,
    now: datetime,
    *,
    settled: datetime | None = None,
) -> Decision:
    """Return the step that moves the server by ``event`` once ``condition`` holds.

    ``settled`` is when a look can show everything that was sent before the state began.
    """
    match condition.judge(address, now):
        case Met(reason=reason):
            return Move(event, reason)
        case NotYet(because=because, until=until):
            return Wait(because, until or snapshot.deadline_at)
        case look:
            again = space_looks(snapshot.state_since, now)
            return Probe(address, look, event, again, settled)


def space_looks(since: datetime, now: datetime) -> timedelta:
    """Return how long to wait between two looks: the longer, the longer it lasts."""
    return min(max(_SOONEST, (now - since) / _SHARE), _LATEST)


def say_log(snapshot: Snapshot) -> str:
    """Return the end of the boot's log as a sentence, with a trailing space."""
    end = snapshot.machine.log_end
    return f'Its boot log ends with "{end}". ' if end else ""
