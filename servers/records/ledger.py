"""The ONE writer of Server.state, and of attempts' outcomes.

Every move is a compare-and-swap on the expected state and attempt, and on the fence if
the caller holds a lease. The event is written in the same transaction. A lost race is a
return value, not an exception. No other file assigns a state.
"""

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from servers import tracing
from servers.lifecycle.states import CLOSED, Answer, Event, Outcome, State, Want
from servers.lifecycle.transitions import target_of
from servers.models import Account, Attempt, Fleet, Server
from servers.models import Event as EventRow
from servers.records.boots import record_boot
from servers.records.counters import count_boot

logger = logging.getLogger(__name__)


class Kind(StrEnum):
    """Kinds of events besides those of the lifecycle."""

    REQUESTED = "requested"
    ATTEMPT_ANSWERED = "attempt_answered"
    ATTEMPT_CLOSED = "attempt_closed"
    DESTROY_ASKED = "destroy_asked"
    HIDDEN = "hidden"
    CHANGED = "changed"
    CONDEMNED = "condemned"
    ORPHAN_GONE = "orphan_gone"
    UNEXPLAINED = "unexplained"
    HELD = "held"
    LEFTOVER_GONE = "leftover_gone"
    ADOPTED = "adopted"
    PAUSED = "paused"
    RESUMED = "resumed"
    FROZEN = "frozen"
    UNFROZEN = "unfrozen"
    FLEET_CONFIRMED = "fleet_confirmed"
    ACCOUNT_CHANGED = "account_changed"
    BREAKER_OPENED = "breaker_opened"
    BREAKER_CLOSED = "breaker_closed"
    TEMPLATE_CHANGED = "template_changed"
    TOKEN_MADE = "token_made"  # noqa: S105 - no secret
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - no secret
    SCAN_ASKED = "scan_asked"
    LOGGED_IN = "logged_in"
    LOG_IN_FAILED = "log_in_failed"
    LOGGED_OUT = "logged_out"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - no secret
    PERSON_CHANGED = "person_changed"
    PROCESS_ENDED = "process_ended"


def database_now() -> datetime:
    """Return the time of the database: the only clock that processes share.

    A time read here is older than that of any later statement, so a lease computed from
    it is never too long. The query needs a row, and the fleet's row always exists.
    """
    now: datetime = Fleet.objects.values_list(Now(), flat=True).get()
    return now


def write_event(
    kind: Event | Kind,
    *,
    server: Server | None = None,
    account: Account | None = None,
    account_id: Any = None,
    reason: str = "",
    from_state: str = "",
    to_state: str = "",
) -> None:
    """Append one event, in the caller's transaction."""
    _make_event(
        kind,
        server=server,
        account_id=account.pk if account else account_id,
        reason=reason,
        from_state=from_state,
        to_state=to_state,
    ).save(force_insert=True)


def _make_event(
    kind: Event | Kind,
    *,
    server: Server | None,
    account_id: Any = None,
    reason: str,
    from_state: str = "",
    to_state: str,
) -> EventRow:
    return EventRow(
        server_id=server.pk if server else None,
        server_uid=server.pk if server else None,
        server_name=server.name if server else "",
        account_id=account_id,
        kind=kind,
        reason=reason[:4000],
        from_state=from_state,
        to_state=to_state,
        actor=tracing.get_actor(),
        request_id=tracing.get_request_id(),
    )


# After these events, instances of earlier attempts that appear are orphans.
_CLOSES_ATTEMPTS = frozenset(
    {
        Event.ABSENCE_CONFIRMED,
        Event.RETRY_REQUESTED,
        Event.DISOWNED,
        Event.INSTANCE_FAILED,
    }
)


# After these events, a booting instance is not finished any more.
_ENDS_BOOT: Final = frozenset(
    {
        Event.CANDIDATES_EXHAUSTED,
        Event.DEADLINE_PASSED,
        Event.INSTANCE_VANISHED,
        Event.STOP_REQUESTED,
    }
)


def insert_servers(servers: list[Server]) -> None:
    """Insert new rows in ``pending``, in the caller's transaction. Two queries."""
    for server in servers:
        server.state = State.PENDING
    Server.objects.bulk_create(servers)
    EventRow.objects.bulk_create(
        _make_event(
            Kind.REQUESTED, server=server, to_state=State.PENDING, reason="Requested."
        )
        for server in servers
    )


def insert_adopted(server: Server, *, now: datetime) -> None:
    """Insert a server in ``created`` for an instance that exists already.

    In the caller's transaction, which also writes the attempt.
    """
    server.state = State.CREATED
    server.created_by = tracing.get_actor()
    server.created_at = server.updated_at = server.state_since = now
    server.started_at = server.next_step_at = now
    server.deadline_at = now + timedelta(seconds=settings.BOOT_DEADLINE)
    server.save(force_insert=True)
    write_event(
        Kind.ADOPTED,
        server=server,
        to_state=State.CREATED,
        reason=f"Adopted instance {server.instance_id}.",
    )


def move(
    server: Server,
    event: Event,
    *,
    reason: str,
    now: datetime,
    fence: int | None = None,
    changes: Mapping[str, Any] | None = None,
    answer: Answer = Answer.FAILED,
) -> bool:
    """Move ``server`` by ``event`` if its state and attempt have not changed.

    ``fence`` is that of the caller's lease, if it holds one, which must still be valid.
    ``answer`` is why the attempt failed if the event is instance_failed. On success the
    object has the new values. False means that the row moved meanwhile
    or the table does not allow the event. Then nothing was written.
    """
    source = State(server.state)
    target = target_of(source, event)
    if target is None:
        return False
    written: dict[str, Any] = {
        "state": target,
        "state_since": now,
        "updated_at": now,
        "next_step_at": now,
        "deadline_at": None,
        "waiting": "",
        **_consequences(server, event, reason=reason, now=now),
        **(changes or {}),
    }
    with transaction.atomic():
        row = Server.objects.filter(
            pk=server.pk, state=source, attempt_number=server.attempt_number
        )
        if fence is not None:
            # By the database's clock, within the statement: a worker that was suspended
            # for longer than its lease finds out here.
            row = row.filter(fence=fence, lease_until__gt=Now())
        if row.update(**written) != 1:
            return False
        write_event(
            event, server=server, reason=reason, from_state=source, to_state=target
        )
        if event is Event.READY:
            seconds = record_boot(server, now=now)
            if seconds is not None:
                count_boot(seconds)
        if event in _CLOSES_ATTEMPTS:
            failed = event is Event.INSTANCE_FAILED
            told = {"answer": reason, "answer_class": answer} if failed else {}
            Attempt.objects.filter(server_uid=server.pk).exclude(
                outcome__in=CLOSED
            ).update(outcome=Outcome.ABANDONED, closed_at=now, spec="", **told)
        elif event in _ENDS_BOOT and source in {State.CREATING, State.CREATED}:
            Attempt.objects.filter(server_uid=server.pk).exclude(spec="").update(
                spec=""
            )
    for name, value in written.items():
        setattr(server, name, value)
    extra = {"server": server.name, "change": str(event)}
    logger.info("%s is %s.", server.name, target, extra=extra)
    return True


_NOTHING_HELD: Final = {"instance_id": "", "address": "", "started_at": None}


def _find_left(server: Server, now: datetime) -> timedelta | None:
    """Return what is left of the pending deadline; None if all of it is."""
    if server.deadline_at is None:
        return server.pending_left
    return max(timedelta(0), server.deadline_at - now)


def _go_on_pending(server: Server, now: datetime) -> dict[str, Any]:
    """Continue the pending deadline from where it stopped; never restart it."""
    left = server.pending_left
    if left is None:
        left = timedelta(seconds=settings.PENDING_DEADLINE)
    return {"deadline_at": now + left, "planned_at": now}


def _consequences(
    server: Server, event: Event, *, reason: str, now: datetime
) -> dict[str, Any]:
    """Return the columns that an event writes besides the state."""
    match event:
        case (
            Event.CANDIDATES_EXHAUSTED
            | Event.DEADLINE_PASSED
            | Event.INSTANCE_VANISHED
            | Event.HEALTH_LOST
        ):
            return {"error": reason}
        case Event.STOP_REQUESTED:
            return {"want": Want.GONE}
        case Event.ATTEMPT_WRITTEN:
            return {"pending_left": _find_left(server, now)}
        case Event.ATTEMPT_REFUSED | Event.ATTEMPT_ABSENT | Event.INSTANCE_FAILED:
            return {"error": reason, **_NOTHING_HELD, **_go_on_pending(server, now)}
        case Event.INSTANCE_KNOWN | Event.ADDRESS_SEEN:
            boot = timedelta(seconds=settings.BOOT_DEADLINE)
            return {"deadline_at": now + boot}
        case Event.RETRY_REQUESTED:
            return {
                "error": "",
                "placement": 0,
                "tried_from": server.attempt_number,
                "pending_left": None,
                "planned_at": None,
                **_NOTHING_HELD,
            }
        case Event.ABSENCE_CONFIRMED:
            return {"stopped_at": now, "next_step_at": None}
        case Event.DISOWNED:
            return {"stopped_at": now, "next_step_at": None, "hidden": True}
        case Event.READY:
            return {"failures": 0, "error": ""}
        case _:
            return {}
