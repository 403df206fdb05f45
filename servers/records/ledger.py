"""The ONE writer of Server.state.

Every move is a compare-and-swap on the expected state and attempt, and on the fence if
the caller holds a lease. The event is written in the same transaction. A lost race is a
return value, not an exception. No other file assigns a state. What else follows from a
move is in ``aftermath``.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from servers import tracing
from servers.lifecycle.states import Answer, Event, State
from servers.lifecycle.transitions import target_of
from servers.models import Account, Fleet, Server
from servers.models import Event as EventRow
from servers.records.aftermath import Change, Moved, follow_moves
from servers.records.columns import find_columns
from servers.records.events import build_event, insert_events
from servers.records.leases import Lease, can_begin
from servers.records.prepared import Prepared, Slots


class Fact(StrEnum):
    """What the history records besides the events of the lifecycle."""

    REQUESTED = "requested"
    ATTEMPT_ANSWERED = "attempt_answered"
    ATTEMPT_CLOSED = "attempt_closed"
    DESTROY_ASKED = "destroy_asked"
    HIDDEN = "hidden"
    CHANGED = "changed"
    CORDONED = "cordoned"
    UNCORDONED = "uncordoned"
    FORCED = "forced"
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
    QUEUE_CHANGED = "queue_changed"
    POOL_CHANGED = "pool_changed"
    TOKEN_MADE = "token_made"  # noqa: S105 - no secret
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - no secret
    KEYS_READ = "keys_read"
    SCAN_ASKED = "scan_asked"
    LOGGED_IN = "logged_in"
    LOG_IN_FAILED = "log_in_failed"
    LOGGED_OUT = "logged_out"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - no secret
    PERSON_CHANGED = "person_changed"
    PROCESS_ENDED = "process_ended"


_FLEET: Final = Prepared(Fleet, lambda _: Fleet.objects.annotate(now=Now()))
_NOW: Final = Prepared(Fleet, lambda _: Fleet.objects.values_list(Now()))


def _filter_seen(slot: Slots) -> "QuerySet[Server]":
    return Server.objects.filter(
        pk=slot("id"), state=slot("state"), attempt_number=slot("attempt_number")
    )


# The row of a server as the caller knows it; with the fence that it knows; and for a
# claim.
_SEEN: Final = Prepared(Server, _filter_seen)
_FENCED: Final = Prepared(
    Server, lambda slot: _filter_seen(slot).filter(fence=slot("fence"))
)
_CLAIMED: Final = Prepared(
    Server, lambda slot: _filter_seen(slot).filter(can_begin(slot))
)


def database_now() -> datetime:
    """Return the time of the database: the only clock that processes share.

    A time read here is older than that of any later statement, so a lease computed from
    it is never too long. The query needs a row, and the fleet's row always exists.
    """
    now: datetime
    (now,) = _NOW.get()
    return now


def read_fleet() -> tuple[Fleet, datetime]:
    """Return the fleet and the time of the database. One query."""
    fleet: Any = _FLEET.get()
    return fleet, fleet.now


def write_event(
    kind: Event | Fact,
    *,
    server: Server | None = None,
    account: Account | None = None,
    account_id: Any = None,
    reason: str = "",
    from_state: str = "",
    to_state: str = "",
) -> None:
    """Append one event, in the caller's transaction."""
    insert_events(
        [
            build_event(
                kind,
                server=server,
                account_id=account.pk if account else account_id,
                reason=reason,
                from_state=from_state,
                to_state=to_state,
            )
        ]
    )


def insert_servers(servers: list[Server], *, reason: str = "Requested.") -> None:
    """Insert new rows in ``pending``, in the caller's transaction. Two queries."""
    for server in servers:
        server.state = State.PENDING
    Server.objects.bulk_create(servers)
    EventRow.objects.bulk_create(
        build_event(
            Fact.REQUESTED, server=server, to_state=State.PENDING, reason=reason
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
        Fact.ADOPTED,
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
    claim: Lease | None = None,
    changes: Mapping[str, Any] | None = None,
    answer: Answer = Answer.FAILED,
) -> bool:
    """Move ``server`` by ``event`` if its state and attempt have not changed.

    ``fence`` is the row's as the caller knows it, if nobody else may have claimed it
    meanwhile. With ``claim`` the same statement takes that lease. ``answer`` is why the
    attempt failed if the event is instance_failed. On success the object has the new
    values. False means that the row moved meanwhile or the table does not allow the
    event. Then nothing was written.
    """
    change = Change(server, event, reason, dict(changes or {}), answer)
    with transaction.atomic(savepoint=False):
        return bool(_move_each([change], now=now, fence=fence, claim=claim))


def move_all(changes: Sequence[Change], *, now: datetime) -> list[Server]:
    """Move servers, each as ``move`` does. Return those that moved."""
    known = {change.server.pk: change for change in changes}
    moved: list[Server] = []
    write_in_turn(
        known,
        lambda pks: moved.extend(_move_each([known[pk] for pk in pks], now=now)),
    )
    return moved


def write_in_turn(pks: Iterable[UUID], write: Callable[[set[UUID]], object]) -> None:
    """Write to all servers that nobody has locked in one transaction, then to others.

    The others follow one by one: waiting for a lock while holding others could be a
    deadlock.
    """
    rows = Server.objects.select_for_update(no_key=True, skip_locked=True)
    asked = set(pks)
    with transaction.atomic():
        free = set(rows.filter(pk__in=asked).order_by().values_list("pk", flat=True))
        write(free)
    for pk in asked - free:
        with transaction.atomic():
            write({pk})


def _move_each(
    changes: Sequence[Change],
    *,
    now: datetime,
    fence: int | None = None,
    claim: Lease | None = None,
) -> list[Server]:
    tried = (_move(change, now=now, fence=fence, claim=claim) for change in changes)
    moved = [each for each in tried if each is not None]
    if moved:
        follow_moves(moved, now=now)
    return [each.change.server for each in moved]


def _move(
    change: Change, *, now: datetime, fence: int | None, claim: Lease | None
) -> Moved | None:
    server, event, reason = change.server, change.event, change.reason
    source = State(server.state)
    target = target_of(source, event)
    if target is None:
        return None
    written: dict[str, Any] = {
        "state": target,
        "state_since": now,
        "updated_at": now,
        "next_step_at": now,
        "deadline_at": None,
        "waiting": "",
        **find_columns(server, event, reason=reason, now=now),
        **change.columns,
    }
    seen = {
        "id": server.pk,
        "state": source,
        "attempt_number": server.attempt_number,
    }
    if claim is not None:
        written |= claim.columns()
        count = _CLAIMED.update(written, **seen, **claim.requires())
    elif fence is not None:
        count = _FENCED.update(written, **seen, fence=fence)
    else:
        count = _SEEN.update(written, **seen)
    if count != 1:
        return None
    for name, value in written.items():
        setattr(server, name, value)
    return Moved(change, source, target)
