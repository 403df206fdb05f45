"""The ledger of attempts: the answer to a call. ``intents`` has what is before it.

The answer is recorded no matter which process holds the lease by then; the server moves
by compare-and-swap. Locks are taken in one order everywhere: server, attempt, instance.
They don't lock the keys (``no_key``): a listing that records an instance of the attempt
needs only its key, and would deadlock with a full lock.
"""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import QuerySet

from servers.clouds.base import CloudInstance, CreateSpec
from servers.lifecycle.guards import Claim, weigh_claim
from servers.lifecycle.states import Event, Outcome, State, Verdict
from servers.models import Attempt, Instance, Server
from servers.records.counters import ATTEMPTS, count
from servers.records.ledger import Fact, move, write_event
from servers.records.prepared import Prepared, PreparedInsert, Slots

# What operations and other steps may change in a row while a step works on it.
_CHANGING: Final = (
    "state",
    "state_since",
    "want",
    "hidden",
    "protected",
    "ttl",
    "trial_until",
    "attempt_number",
    "instance_id",
    "address",
    "error",
    "waiting",
    "failures",
    "tried_from",
    "next_step_at",
    "deadline_at",
    "pending_left",
    "planned_at",
)

_SERVER: Final = Prepared(
    Server,
    lambda slot: (
        Server.objects.select_for_update(no_key=True)
        .filter(pk=slot("id"))
        .values_list(*_CHANGING)
        .order_by()
    ),
)


def _filter_attempt(slot: Slots) -> "QuerySet[Attempt]":
    return Attempt.objects.filter(pk=slot("id")).order_by()


_ATTEMPT: Final = Prepared(Attempt, _filter_attempt)
_ATTEMPT_LOCKED: Final = Prepared(
    Attempt,
    lambda slot: (
        _filter_attempt(slot)
        .select_for_update(no_key=True)
        .values_list("outcome", "instance_id")
    ),
)
_NEW_INSTANCE: Final = PreparedInsert(Instance, ignore=True)


def lock_server(server: Server) -> bool:
    """Lock a server's row, and read what may have changed. False if it was purged."""
    rows = _SERVER.read(id=server.pk)
    for name, value in zip(_CHANGING, rows[0] if rows else (), strict=False):
        setattr(server, name, value)
    return bool(rows)


def record_accepted(
    server: Server,
    attempt: Attempt,
    shown: CloudInstance,
    *,
    now: datetime,
    reason: str,
) -> Instance | None:
    """Record that the cloud has ``shown`` for ``attempt``; move the row if it waits.

    Return the instance if it is the attempt's; both objects then have the new values.
    It is not if the attempt is closed or has another instance, or if the instance is
    condemned. Then it is still recorded, for the sweep.
    """
    with transaction.atomic(savepoint=False):
        exists = lock_server(server)
        attempt.outcome, attempt.instance_id = _ATTEMPT_LOCKED.get(id=attempt.pk)
        instance = record_instance(shown, attempt=attempt, now=now)
        claim = weigh_claim(
            Outcome(attempt.outcome),
            known_id=attempt.instance_id,
            shown_id=shown.instance_id,
            condemned=instance.condemned_at is not None,
        )
        if claim is Claim.OWN:
            answered = {
                "outcome": Outcome.ACCEPTED,
                "instance_id": shown.instance_id,
                "answered_at": now,
                "answer": reason,
            }
            _ATTEMPT.update(answered, id=attempt.pk)
            for name, value in answered.items():
                setattr(attempt, name, value)
            count(ATTEMPTS, Outcome.ACCEPTED)
            if exists and server.attempt_number == attempt.number:
                _own(server, shown, now=now, reason=reason)
    return None if claim is Claim.NEVER else instance


def _own(server: Server, shown: CloudInstance, *, now: datetime, reason: str) -> None:
    """Write the instance on the row. A row in ``creating`` also moves."""
    known: dict[str, Any] = {
        "instance_id": shown.instance_id,
        "address": shown.address,
        "started_at": now,
    }
    if server.state == State.CREATING:
        move(server, Event.INSTANCE_KNOWN, reason=reason, now=now, changes=known)
    elif server.state != State.STOPPED:
        known |= {"updated_at": now, "next_step_at": now}
        Server.objects.filter(pk=server.pk).update(**known)
        for name, value in known.items():
            setattr(server, name, value)
        write_event(Fact.ATTEMPT_ANSWERED, server=server, reason=reason)


def dump_spec(spec: CreateSpec) -> str:
    """Return a create call as an attempt keeps it."""
    return json.dumps(asdict(spec))


def read_spec(attempt: Attempt) -> CreateSpec | None:
    """Return the frozen create call; None if it is not kept, or no longer."""
    return CreateSpec(**json.loads(attempt.spec)) if attempt.spec else None


def record_finished(attempt: Attempt, shown: CloudInstance, *, now: datetime) -> None:
    """Record that the attempt's instance needs no more calls, and wipe its spec."""
    with transaction.atomic():
        finished = (
            Attempt.objects.filter(pk=attempt.pk)
            .exclude(spec="")
            .update(spec="", finished_at=now)
        )
        if finished:
            Instance.objects.filter(
                attempt=attempt, instance_id=shown.instance_id, live=True
            ).update(
                raw_status=shown.raw_status[:64],
                meaning=shown.meaning,
                fault=shown.fault[:1000],
            )


def record_instance(
    shown: CloudInstance, *, attempt: Attempt, now: datetime
) -> Instance:
    """Return the record of an instance that a call, not a listing, showed.

    A new record belongs to the account of ``attempt``. If another account that sees the
    same cloud has recorded the instance already, that record is returned.
    """
    identity = attempt.account.cloud_identity
    row = _build_instance(shown, attempt=attempt, identity=identity, now=now)
    if _NEW_INSTANCE.run(row):
        return row
    # A listing was faster.
    rows = Instance.objects.filter(
        region=attempt.region, instance_id=shown.instance_id
    ).order_by()
    # By one key after the other, since a choice of keys takes twice the CPU.
    known = rows.filter(identity=identity).first() if identity else None
    return known or rows.get(account=attempt.account_id)


def _build_instance(
    shown: CloudInstance, *, attempt: Attempt, identity: str | None, now: datetime
) -> Instance:
    return Instance(
        account_id=attempt.account_id,
        identity=identity,
        region=attempt.region,
        instance_id=shown.instance_id,
        name=shown.name[:255],
        key=attempt.key,
        server_uid=attempt.server_uid,
        attempt=attempt,
        raw_status=shown.raw_status[:64],
        live=shown.live,
        meaning=shown.meaning,
        fault=shown.fault[:1000],
        interrupted=shown.interrupted,
        address=shown.address,
        first_seen=now,
        gone_at=None if shown.live else now,
        verdict=Verdict.OURS if shown.live else Verdict.GONE,
    )


def close_attempt(
    server: Server,
    attempt: Attempt,
    outcome: Outcome,
    *,
    event: Event | None,
    reason: str,
    answer_class: str = "",
    now: datetime,
) -> None:
    """Close an attempt that was refused or is absent, and move its row by ``event``.

    An attempt that was answered or closed meanwhile stays as it is.
    """
    with transaction.atomic(savepoint=False):
        exists = lock_server(server)
        answered = {"answered_at": now} if outcome is Outcome.REFUSED else {}
        closed = Attempt.objects.filter(pk=attempt.pk, outcome=Outcome.ASKED).update(
            outcome=outcome,
            closed_at=now,
            answer=reason,
            answer_class=answer_class,
            spec="",
            **answered,
        )
        if not closed:
            return
        count(ATTEMPTS, outcome)
        if not exists:
            return
        waits = (
            server.state == State.CREATING and server.attempt_number == attempt.number
        )
        if waits and event is not None:
            move(server, event, reason=reason, now=now)
        else:
            write_event(Fact.ATTEMPT_CLOSED, server=server, reason=reason)
            # What the server waits for may have changed.
            Server.objects.filter(pk=server.pk).exclude(state=State.STOPPED).update(
                next_step_at=now
            )
