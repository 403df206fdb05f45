"""The create call: record the attempt, send one call, record its answer.

The call is sent only in the first quarter of the lease, so that it finishes long before
the lease ends. The time is read from a clock that keeps running while the process is
suspended. Recording the attempt requires a valid lease in the database. If another
process has changed the row when the answer arrives, nothing is destroyed here: the
sweep deals with the instance.
"""

import logging
import secrets
from datetime import datetime

from servers.clouds.base import (
    ClockError,
    CloudError,
    CloudInstance,
    CreateSpec,
    CredentialsError,
    NoCapacityError,
    QuotaError,
    RefusedError,
    ThrottledError,
    UnreachableError,
)
from servers.clouds.port import Cloud
from servers.engine import uptime
from servers.lifecycle.decisions import WriteIntent
from servers.lifecycle.keys import Key, make_key
from servers.lifecycle.snapshot import Placement, Snapshot
from servers.lifecycle.states import Answer, Event, Outcome
from servers.lifecycle.tries import follow_failure, read_history
from servers.models import Account, Attempt, Fleet, Server
from servers.placing.breaker import admit_create, note_answer, note_throttling
from servers.placing.breakerevents import record_failure, record_success
from servers.placing.locations import call_slot, hasten_listing, open_location, pace_of
from servers.placing.placements import remember_capacity
from servers.records.attempts import close_attempt, record_accepted, write_intent
from servers.records.counters import count_failure
from servers.records.leases import Lease
from servers.records.ledger import Kind, database_now, write_event

logger = logging.getLogger(__name__)


def create_instance(
    server: Server,
    lease: Lease,
    decision: WriteIntent,
    snapshot: Snapshot,
    *,
    now: datetime,
    send_before: float,
) -> bool:
    """Write the intent, send the call, record the answer.

    Return False if no attempt was recorded: the row moved, the lease is too old, or the
    account allows no create now. ``send_before`` is an uptime, in seconds.
    """
    placement = decision.placement
    account = server.account
    if account.pk != placement.account:
        account = Account.objects.get(pk=placement.account)
    cloud = open_location(account, placement.region)
    pace = pace_of(cloud)
    with call_slot(account):
        if uptime.read() >= send_before or not admit_create(
            account, now=now, trial=pace.lease + pace.settle
        ):
            return False
        fleet = Fleet.objects.get()
        key = make_key(fleet.fleet_id, server.pk, server.attempt_number + 1)
        spec = render_spec(server, placement, key, token=secrets.token_hex(16))
        attempt = write_intent(
            server,
            lease,
            placement=placement,
            account=account,
            provider=cloud.provider,
            spec=spec,
            keeps_spec=cloud.finishes,
            now=now,
            # By then it is known whether a call without an answer created anything.
            deadline_at=lease.until + pace.settle + snapshot.limits.pending,
        )
        if attempt is None:
            if account.breaker != Account.Breaker.CLOSED:
                # It was admitted as the breaker's test create, but was never sent.
                note_answer(account)
            return False
        if uptime.read() >= send_before:
            # Only this process may send the call, and it won't.
            _close(
                attempt,
                snapshot,
                Outcome.ABSENT,
                reason="The worker was suspended too long to send the create call.",
                answer=Answer.UNSENT,
            )
            server.refresh_from_db()
            return True
        _send(cloud, attempt, placement, server, snapshot, spec)
    hasten_listing(account.pk, placement.region, within=pace.listing)
    server.refresh_from_db()
    return True


def _send(
    cloud: Cloud,
    attempt: Attempt,
    placement: Placement,
    server: Server,
    snapshot: Snapshot,
    spec: CreateSpec,
) -> None:
    try:
        shown = cloud.create_instance(spec, deadline=cloud.timings.call)
    except (ThrottledError, UnreachableError, ClockError, RefusedError) as error:
        count_failure(error)
        if isinstance(error, NoCapacityError):
            remember_capacity(
                placement, attempt.account, now=database_now(), is_full=True
            )
        _refuse(attempt, snapshot, error)
    except CloudError as error:
        count_failure(error)
        _note_silence(attempt, server, error)
        _note_failure(attempt, error)
    else:
        record_accepted(
            attempt, shown, now=database_now(), reason=_describe_answer(shown)
        )
        record_success(attempt.account)
        if any(
            view.full_until and view.placement == placement
            for view in snapshot.placements
        ):
            remember_capacity(
                placement, attempt.account, now=database_now(), is_full=False
            )


def render_spec(
    server: Server, placement: Placement, key: Key, *, token: str
) -> CreateSpec:
    """Return the create call of an attempt with this key."""
    return CreateSpec(
        key=str(key),
        token=token,
        fleet=key.fleet,
        server_id=server.pk.hex,
        name=server.name,
        image=placement.image,
        size=placement.size,
        user_data=server.recipe.user_data,
        ssh_key=placement.ssh_key,
        labels=server.labels,
        options=placement.options,
    )


def _describe_answer(shown: CloudInstance) -> str:
    return f"The cloud created {shown.instance_id} ({shown.raw_status})."


def _refuse(attempt: Attempt, snapshot: Snapshot, error: CloudError) -> None:
    """Record on the server and its account that nothing was created."""
    answer = Answer(type(error).__name__.removesuffix("Error"))
    _close(attempt, snapshot, Outcome.REFUSED, reason=error.message, answer=answer)
    # A wrong image, a size without capacity or a wrong clock on this machine is no
    # problem of the account.
    if isinstance(error, CredentialsError | QuotaError | UnreachableError):
        _note_failure(attempt, error)
        return
    note_answer(attempt.account)
    if isinstance(error, ThrottledError):
        history = read_history(snapshot, attempt.placement)
        note_throttling(
            attempt.account,
            failures=len(history.answers) + 1,
            retry_after=error.retry_after,
            now=database_now(),
        )


def _note_failure(attempt: Attempt, error: CloudError) -> None:
    record_failure(
        attempt.account, error.message, asked_at=attempt.asked_at, now=database_now()
    )


def _close(
    attempt: Attempt,
    snapshot: Snapshot,
    outcome: Outcome,
    *,
    reason: str,
    answer: Answer,
) -> None:
    refused = outcome is Outcome.REFUSED
    event = follow_failure(
        snapshot,
        Event.ATTEMPT_REFUSED if refused else Event.ATTEMPT_ABSENT,
        # The attempt's placement: the row as loaded may still have an older one.
        placement=attempt.placement,
        answer=answer,
    )
    close_attempt(
        attempt,
        outcome,
        event=event,
        reason=reason,
        answer_class=answer,
        now=database_now(),
    )


def _note_silence(attempt: Attempt, server: Server, error: CloudError) -> None:
    """Record a call without an answer. The attempt stays open, to be looked for."""
    logger.warning("%s: the create call got no answer: %s", server.name, error.message)
    Attempt.objects.filter(pk=attempt.pk, outcome=Outcome.ASKED).update(
        answer=error.message, answer_class="UnknownOutcome"
    )
    write_event(Kind.ATTEMPT_ANSWERED, server=server, reason=error.message)
