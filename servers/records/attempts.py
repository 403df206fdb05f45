"""The ledger of attempts: the intent before the call, the answer after it.

The answer is recorded no matter which process holds the lease by then; the server moves
by compare-and-swap. Locks are taken in one order everywhere: server, attempt, instance.
They don't lock the keys (``no_key``): a listing that records an instance of the attempt
needs only its key, and would deadlock with a full lock. The intent locks the account
before all of them.
"""

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Q

from servers.clouds.base import CloudInstance, CreateSpec
from servers.lifecycle.guards import Claim, weigh_claim
from servers.lifecycle.snapshot import Placement
from servers.lifecycle.states import Event, Outcome, State, Verdict
from servers.machine.certificates import Keys
from servers.models import Account, Attempt, Instance, Server
from servers.records.callbacks import list_callback_columns
from servers.records.counters import ATTEMPTS, count
from servers.records.keys import (
    list_host_columns,
    list_server_columns,
    write_host,
)
from servers.records.leases import Lease
from servers.records.ledger import Fact, move, write_event
from servers.records.limits import count_recent_creates, count_servers


def write_intent(
    server: Server,
    lease: Lease,
    *,
    placement: Placement,
    account: Account,
    provider: str,
    spec: CreateSpec,
    note: str = "",
    keeps_spec: bool,
    keys: Keys | None = None,
    callback_digest: str = "",
    now: datetime,
    deadline_at: datetime,
) -> Attempt | None:
    """Claim the row, write the attempt and move ``pending → creating``, all at once.

    ``note`` says how its image was chosen. With ``keeps_spec``, the attempt keeps its
    parameters until its instance is finished. ``keys`` are new ones of the server, to
    be stored. ``callback_digest`` is of the token that only this attempt's instance
    calls back with. None means that no call may be sent: the row moved or was claimed,
    the lease would be over already, or the account, counted under its lock, has reached
    a limit. The next step finds out why.
    """
    number = server.attempt_number + 1
    with transaction.atomic():
        if not _has_room(account, server, now=now):
            return None
        moved = move(
            server,
            Event.ATTEMPT_WRITTEN,
            reason=" ".join(
                filter(
                    None,
                    (
                        f"Attempt {number}: {placement.size} in",
                        f"{account.name} {placement.region}".strip() + ".",
                        note,
                    ),
                )
            ),
            now=now,
            claim=lease,
            changes={
                "attempt_number": number,
                "placement": placement.position,
                "account_id": account.pk,
                "region": placement.region,
                "image": spec.image,
                "size": placement.size,
                "provider": provider,
                "deadline_at": deadline_at,
                "next_step_at": lease.until,
                **(list_server_columns(server.pk, keys) if keys else {}),
            },
        )
        if not moved:
            return None
        known = list_host_columns(keys) if keys else {}
        if callback_digest:
            known |= list_callback_columns(number, callback_digest)
        if known:
            write_host(server.pk, known)
        return Attempt.objects.create(
            server=server,
            server_uid=server.pk,
            server_name=server.name,
            recipe_id=server.recipe_id,
            number=number,
            account=account,
            region=placement.region,
            size=placement.size,
            image=spec.image,
            placement=placement.position,
            key=spec.key,
            token=spec.token,
            asked_at=now,
            lease_end=lease.until,
            spec=json.dumps(asdict(spec)) if keeps_spec else "",
        )


def _has_room(account: Account, server: Server, *, now: datetime) -> bool:
    """Tell whether the account has room for one more, counting what is committed.

    Because of the lock, intents for one account and requests that count its servers
    (placing/caps.py) wait for each other.
    """
    held = (
        Account.objects.select_for_update(no_key=True)
        .only("enabled", "max_servers", "creates_per_minute")
        .filter(pk=account.pk)
        .first()
    )
    if held is None or not held.enabled:
        return False
    # A server counts in the account where it was last tried: maybe already here.
    moves = account.pk != server.account_id
    if moves and count_servers([held.pk]).get(held.pk, 0) >= held.max_servers:
        return False
    recent = count_recent_creates([held.pk], now=now).get(held.pk, 0)
    return recent < held.creates_per_minute


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


def lock_server(server: Server) -> bool:
    """Lock a server's row, and read what may have changed. False if it was purged."""
    try:
        server.refresh_from_db(
            fields=_CHANGING,
            from_queryset=Server.objects.select_for_update(no_key=True),
        )
    except Server.DoesNotExist:
        return False
    return True


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
        attempt.refresh_from_db(
            fields=["outcome", "instance_id"],
            from_queryset=Attempt.objects.select_for_update(no_key=True),
        )
        instance = record_instance(shown, attempt=attempt, now=now)
        claim = weigh_claim(
            Outcome(attempt.outcome),
            known_id=attempt.instance_id,
            shown_id=shown.instance_id,
            condemned=instance.condemned_at is not None,
        )
        if claim is Claim.OWN:
            attempt.outcome = Outcome.ACCEPTED
            attempt.instance_id = shown.instance_id
            attempt.answered_at = now
            attempt.answer = reason
            attempt.save(
                update_fields=["outcome", "instance_id", "answered_at", "answer"]
            )
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
    seen = Q(account=attempt.account_id)
    seen |= Q(identity=identity) if identity else Q()
    Instance.objects.bulk_create(
        [_build_instance(shown, attempt=attempt, identity=identity, now=now)],
        ignore_conflicts=True,  # a listing was faster
    )
    return Instance.objects.filter(
        seen, region=attempt.region, instance_id=shown.instance_id
    )[0]


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
