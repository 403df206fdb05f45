"""The create call: the intent first, then one call, then its answer.

The call is sent only while less than a quarter of the lease has passed by a clock that
a stopped process can't stop, so that it ends long before the lease does; the intent
itself requires the lease in the database. If the answer's compare-and-swap loses,
nothing is destroyed here: the sweep judges what is left.
"""

import logging
import secrets
from datetime import datetime, timedelta

from servers.attempts import Place, close_attempt, record_accepted, write_intent
from servers.breaker import admit_create, note_failure, note_success
from servers.candidates import list_candidates
from servers.clouds.base import (
    ClockError,
    Cloud,
    CloudError,
    CloudInstance,
    CreateSpec,
    CredentialsError,
    QuotaError,
    RefusedError,
    ThrottledError,
    UnreachableError,
)
from servers.engine import uptime
from servers.leases import Lease
from servers.ledger import Kind, database_now, write_event
from servers.lifecycle.decide import follow_failure
from servers.lifecycle.decisions import WriteIntent
from servers.lifecycle.keys import Key, make_key
from servers.lifecycle.snapshot import Snapshot
from servers.lifecycle.states import Event, Outcome
from servers.models import Account, Attempt, Fleet, Server
from servers.scopes import call_slot, hasten_listing, open_scope, pace_of
from servers.tallies import count_failure

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

    False where no call was sent: the row moved, or the lease is too old.
    ``send_before`` is an uptime, in seconds.
    """
    place = _place_of(server, decision.candidate)
    cloud = open_scope(place.account, place.region)
    pace = pace_of(cloud)
    with call_slot(place.account):
        if uptime.read() >= send_before or not admit_create(
            place.account, now=now, trial=pace.lease + pace.settle
        ):
            return False
        fleet = Fleet.objects.get()
        key = make_key(fleet.fleet_id, server.pk, server.attempt_number + 1)
        attempt = write_intent(
            server,
            lease,
            place=place,
            provider=cloud.provider,
            key=str(key),
            token=secrets.token_hex(16),
            now=now,
            # From when it can be known that a call without answer made nothing.
            deadline_at=lease.until + pace.settle + snapshot.limits.pending,
        )
        if attempt is None:
            return False
        if uptime.read() >= send_before:
            # Only this process may send it, and it will not.
            _close(
                attempt,
                snapshot,
                Outcome.ABSENT,
                reason="The worker was stopped too long before it could ask.",
                final=False,
            )
            return True
        _send(cloud, attempt, server, snapshot, key)
    hasten_listing(place.account.pk, place.region, within=pace.listing)
    server.refresh_from_db()
    return True


def _place_of(server: Server, index: int) -> Place:
    candidate = list_candidates(server.recipe, server)[index]
    account = candidate.account
    if account is None:
        raise LookupError(candidate.account_name)
    return Place(index, account, candidate.region, candidate.size)


def _send(
    cloud: Cloud, attempt: Attempt, server: Server, snapshot: Snapshot, key: Key
) -> None:
    spec = render_spec(server, attempt, key)
    try:
        shown = cloud.create_instance(spec, deadline=cloud.timings.call)
    except (ThrottledError, UnreachableError, ClockError) as error:
        count_failure(error)
        _refuse(attempt, snapshot, error, final=False)
        _note_throttling(attempt.account, error)
        note_failure(attempt.account, error.message, now=database_now())
    except RefusedError as error:
        count_failure(error)
        _refuse(attempt, snapshot, error, final=True)
        # A wrong image or a size that has run out says nothing of the account.
        if isinstance(error, CredentialsError | QuotaError):
            note_failure(attempt.account, error.message, now=database_now())
    except CloudError as error:
        count_failure(error)
        _note_silence(attempt, server, error)
        note_failure(attempt.account, error.message, now=database_now())
    else:
        record_accepted(
            attempt, shown, now=database_now(), reason=_describe_answer(shown)
        )
        note_success(attempt.account)


def render_spec(server: Server, attempt: Attempt, key: Key) -> CreateSpec:
    """Return the create call of an attempt."""
    recipe = server.recipe
    return CreateSpec(
        key=attempt.key,
        token=attempt.token,
        fleet=key.fleet,
        server_id=server.pk.hex,
        name=server.name,
        image=server.image,
        size=attempt.size,
        user_data=recipe.user_data,
        ssh_key=recipe.ssh_key,
        labels=server.labels,
        options=recipe.options,
    )


def _describe_answer(shown: CloudInstance) -> str:
    return f"The cloud made {shown.instance_id} ({shown.raw_status})."


def _refuse(
    attempt: Attempt, snapshot: Snapshot, error: CloudError, *, final: bool
) -> None:
    _close(
        attempt,
        snapshot,
        Outcome.REFUSED,
        reason=error.message,
        final=final,
        answer_class=type(error).__name__.removesuffix("Error"),
    )


def _close(
    attempt: Attempt,
    snapshot: Snapshot,
    outcome: Outcome,
    *,
    reason: str,
    final: bool,
    answer_class: str = "",
) -> None:
    event = (
        Event.ATTEMPT_REFUSED if outcome is Outcome.REFUSED else Event.ATTEMPT_ABSENT
    )
    # The candidate of the attempt, which may lie behind the row's of the snapshot.
    follow = follow_failure(snapshot, event, final=final, candidate=attempt.candidate)
    close_attempt(
        attempt,
        outcome,
        event=follow.event,
        reason=reason,
        answer_class=answer_class,
        now=database_now(),
        changes={
            "candidate": follow.candidate,
            "tries": follow.tries,
            "error": reason,
        },
    )


def _note_silence(attempt: Attempt, server: Server, error: CloudError) -> None:
    """No answer: the attempt stays open, and is looked for."""
    logger.warning("%s: no answer to its create call: %s", server.name, error.message)
    Attempt.objects.filter(pk=attempt.pk, outcome=Outcome.ASKED).update(
        answer=error.message, answer_class="UnknownOutcome"
    )
    write_event(Kind.ATTEMPT_ANSWERED, server=server, reason=error.message)


def _note_throttling(account: Account, error: CloudError) -> None:
    if error.retry_after:
        pause = timedelta(seconds=min(error.retry_after, 60.0))
        Account.objects.filter(pk=account.pk).update(
            throttled_until=database_now() + pause
        )
