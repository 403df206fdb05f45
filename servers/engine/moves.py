"""Apply decisions that need no call, by compare-and-swap, with or without a lease."""

from datetime import datetime
from typing import Any

from servers.lifecycle.decisions import Adopt, CloseAttempt, Move
from servers.lifecycle.snapshot import Snapshot
from servers.lifecycle.states import Answer, Event, Outcome
from servers.messaging import dispatch
from servers.models import Attempt, Instance, Server
from servers.records.attempts import close_attempt, record_accepted
from servers.records.instances import as_shown
from servers.records.ledger import move


def apply(
    server: Server,
    decision: Move | Adopt | CloseAttempt,
    snapshot: Snapshot,
    *,
    now: datetime,
) -> bool:
    """Carry out a decision of the step that knows the row's fence.

    False: the row moved meanwhile. On success ``server`` has the new values.
    """
    match decision:
        case Move():
            moved = move(
                server,
                decision.event,
                reason=decision.reason,
                now=now,
                fence=server.fence,
                changes=find_shown_columns(decision, snapshot),
                answer=decision.answer,
            )
            if moved:
                hasten_pool(server, decision.event)
            return moved
        case Adopt():
            return adopt_instance(server, decision, now=now)
        case CloseAttempt():
            _close_absent(server, decision, now=now)
            return True


def hasten_pool(server: Server, event: Event) -> None:
    """After the commit, have the pool of a server that ends, or is gone, planned.

    By hints alone: a plan locks its pool before its servers. If one is lost, the next
    plan is made within a minute.
    """
    if server.pool_id is None:
        return
    if event is Event.STOP_REQUESTED:
        dispatch.hint(dispatch.CORDON, server.pool_id)
    if event in {Event.STOP_REQUESTED, Event.ABSENCE_CONFIRMED}:
        dispatch.hint(dispatch.PLAN, server.pool_id)


def find_shown_columns(decision: Move, snapshot: Snapshot) -> dict[str, Any]:
    """Return what a move writes on the row besides what its event always writes."""
    own = snapshot.own_instance
    if decision.event is Event.ADDRESS_SEEN and own is not None:
        return {"address": own.address}
    return {}


def adopt_instance(server: Server, decision: Adopt, *, now: datetime) -> bool:
    """Record an instance that was found by its attempt's key.

    Return False if the attempt was closed meanwhile. On success ``server`` has the new
    values.
    """
    found = decision.instance
    adopted = record_accepted(
        server,
        Attempt.objects.get(server_uid=server.pk, number=found.attempt_number),
        as_shown(Instance.objects.get(pk=found.pk)),
        now=now,
        reason="Found its instance by the attempt's key.",
    )
    return adopted is not None


def _close_absent(server: Server, decision: CloseAttempt, *, now: datetime) -> None:
    """Close an attempt of which no instance was found."""
    close_attempt(
        server,
        Attempt.objects.get(server_uid=server.pk, number=decision.attempt),
        Outcome.ABSENT,
        event=decision.event,
        reason=decision.reason,
        answer_class=Answer.SILENCE,
        now=now,
    )
