"""Decide by what must hold on the instance: one condition, one event."""

from datetime import datetime

from servers.lifecycle.conditions import Condition, Met, NotYet
from servers.lifecycle.decisions import Decision, Move, Probe, Wait
from servers.lifecycle.snapshot import Snapshot
from servers.lifecycle.states import Event


def follow_condition(
    snapshot: Snapshot, condition: Condition, event: Event, address: str, now: datetime
) -> Decision:
    """Return the step that moves the server by ``event`` once ``condition`` holds."""
    match condition.judge(address, now):
        case Met(reason=reason):
            return Move(event, reason)
        case NotYet(because=because, until=until):
            return Wait(because, until or snapshot.deadline_at)
        case look:
            return Probe(address, look, event)
