"""What follows from moves of servers, in their transaction.

Events are written, attempts that a move ends are abandoned, keys that nobody needs any
more are wiped, and boots are counted.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Final

from django.db import transaction

from servers.lifecycle.states import CLOSED, Answer, Event, Outcome, State
from servers.models import Attempt, Server
from servers.records.boots import record_boots
from servers.records.counters import count_boots
from servers.records.events import build_event, insert_events
from servers.records.keys import wipe_hosts

logger = logging.getLogger(__name__)

# After these events, instances of earlier attempts that appear are orphans.
_CLOSES_ATTEMPTS: Final = frozenset(
    {
        Event.ABSENCE_CONFIRMED,
        Event.RETRY_REQUESTED,
        Event.DISOWNED,
        Event.INSTANCE_FAILED,
    }
)
# After these events, nothing of the server is left, and nobody needs its keys.
_ENDS: Final = frozenset({Event.ABSENCE_CONFIRMED, Event.DISOWNED})
# After these events, a booting instance is not finished any more.
_ENDS_BOOT: Final = frozenset(
    {
        Event.CANDIDATES_EXHAUSTED,
        Event.DEADLINE_PASSED,
        Event.INSTANCE_VANISHED,
        Event.STOP_REQUESTED,
    }
)


@dataclass(frozen=True, slots=True)
class Change:
    """A move of one server, with further columns to write."""

    server: Server
    event: Event
    reason: str
    columns: Mapping[str, Any] = field(default_factory=dict)
    answer: Answer = Answer.FAILED  # why the attempt failed, if it did


@dataclass(frozen=True, slots=True)
class Moved:
    """A change that was written to its row, and both states."""

    change: Change
    source: State
    target: State


def follow_moves(moved: Sequence[Moved], *, now: datetime) -> None:
    """Write the events of moves, and what else follows. The counters come last."""
    insert_events(
        [
            build_event(
                each.change.event,
                server=each.change.server,
                reason=each.change.reason,
                from_state=each.source,
                to_state=each.target,
            )
            for each in moved
        ]
    )
    closed, booted, ended = [], [], []
    for each in moved:
        server, event = each.change.server, each.change.event
        if event is Event.INSTANCE_FAILED:
            told = {"answer": each.change.reason, "answer_class": each.change.answer}
            _abandon([server], now=now, **told)
        elif event in _CLOSES_ATTEMPTS:
            closed.append(server)
        elif event in _ENDS_BOOT and each.source in {State.CREATING, State.CREATED}:
            booted.append(server.pk)
        if event in _ENDS and server.recipe.has_host:
            ended.append(server.pk)
        transaction.on_commit(partial(_log, server.name, event, each.target))
    if closed:
        _abandon(closed, now=now)
    if booted:
        specs = Attempt.objects.filter(server_uid__in=booted).exclude(spec="")
        specs.update(spec="")
    if ended:
        wipe_hosts(ended)
    ready = [m.change.server for m in moved if m.change.event is Event.READY]
    if ready:
        count_boots(record_boots(ready, now=now))


def _abandon(servers: Sequence[Server], *, now: datetime, **told: str) -> None:
    Attempt.objects.filter(server_uid__in=[server.pk for server in servers]).exclude(
        outcome__in=CLOSED
    ).update(outcome=Outcome.ABANDONED, closed_at=now, spec="", **told)


def _log(name: str, event: Event, target: State) -> None:
    extra = {"server": name, "change": str(event)}
    logger.info("%s is %s.", name, target, extra=extra)
