"""The create call: record the attempt, send one call, record its answer.

One transaction takes the lease and records the attempt. The call is sent only in the
first quarter of the lease, so that it finishes long before the lease ends. Before it,
the CI of the server's pool may be asked to register its agent (registering.py). The
time is read from a clock that keeps running while the process is suspended. If another
process has changed the row when the answer arrives, nothing is destroyed here: the
sweep deals with the instance.
"""

import logging
import secrets
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial

from servers.clouds.base import CloudInstance, CreateSpec, QuotaError
from servers.clouds.port import Cloud, FinishesSome
from servers.engine import uptime
from servers.engine.images import resolve_image
from servers.engine.registering import (
    RegistrationError,
    complete_spec,
    plan_registration,
)
from servers.engine.spec import prepare_callback, render_spec
from servers.lifecycle.guards import find_send_limit
from servers.lifecycle.keys import make_key
from servers.lifecycle.snapshot import Limits, Pace, Placement, Snapshot
from servers.lifecycle.states import NOT_SENT, Answer, Event, Outcome
from servers.lifecycle.tries import follow_failure, read_history
from servers.machine.callback.tokens import digest
from servers.models import Account, Attempt, Instance, Server
from servers.outgoing.errors import (
    CallError,
    ClockError,
    CredentialsError,
    RefusedError,
    ThrottledError,
    UnreachableError,
)
from servers.placing.breaker import admit_create, note_answer, note_throttling
from servers.placing.breaker_events import record_failure, record_success
from servers.placing.call_slots import call_slot
from servers.placing.locations import open_location, pace_of
from servers.placing.memory import forget_full, note_full
from servers.placing.prices import find_price
from servers.records.attempts import close_attempt, record_accepted
from servers.records.counters import count_failure
from servers.records.intents import write_intent
from servers.records.keys import needs_keys, prepare_keys
from servers.records.leases import Lease
from servers.records.ledger import Fact, write_event

logger = logging.getLogger(__name__)

NO_URL = (
    "SERVERFLEET_PUBLIC_URL is no longer set, so the instance could not call back. Set "
    "it, then retry the server."
)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a call of an attempt came to: its instance, or why there is none."""

    attempt: Attempt
    placement: Placement
    pace: Pace
    shown: CloudInstance | None = None
    error: CallError | None = None  # neither: the call was not sent

    @property
    def answer(self) -> Answer:
        """The class of the error, as an attempt keeps it."""
        return Answer(type(self.error).__name__.removesuffix("Error"))


def send_create(
    server: Server,
    placement: Placement,
    *,
    because: str = "",
    fleet_id: str,
    limits: Limits,
    now: datetime,
    read_at: float,
) -> Reply | None:
    """Write the intent, which takes the lease, and send the call.

    Return None if no attempt was recorded: the row moved or was claimed, or the account
    allows no create now. ``read_at`` is an uptime, in seconds, from before the database
    told the time ``now``.
    """
    account = server.account
    if account.pk != placement.account:
        account = Account.objects.get(pk=placement.account)
    cloud = open_location(account, placement.region)
    pace = pace_of(cloud)
    with call_slot(account):
        send_before = find_send_limit(claimed=read_at, lease=pace.lease.total_seconds())
        # Before the intent: nothing is sent yet, and the attempt records the image.
        image = resolve_image(cloud, account, placement, send_before=send_before)
        if uptime.read() >= send_before or not admit_create(
            account, now=now, trial=pace.lease + pace.settle
        ):
            return None
        key = make_key(fleet_id, server.pk, server.attempt_number + 1)
        keys, are_new = None, False
        if needs_keys(server.recipe):
            keys, are_new = prepare_keys(server, now=now)
        callback = prepare_callback(server)
        plan = plan_registration(server)
        render = partial(
            render_spec,
            server,
            placement,
            key,
            token=secrets.token_hex(16),
            keys=keys,
            callback=callback,
            image=image.image_id,
        )
        spec = render()
        keeps_spec = _needs_finish(cloud, spec)
        lease = Lease(server.fence + 1, now + pace.lease)
        attempt = write_intent(
            server,
            lease,
            placement=placement,
            account=account,
            provider=cloud.provider,
            price=find_price(placement),
            spec=spec,
            note=" ".join(filter(None, (because, image.note))),
            keeps_spec=keeps_spec,
            keys=keys if are_new else None,
            callback_digest=digest(callback.token) if callback else "",
            queue=plan.queue,
            now=now,
            # By then it is known whether a call without an answer created anything.
            deadline_at=lease.until + pace.settle + limits.pending,
        )
        if attempt is None:
            _withdraw_test(account)
            return None
        server.account = account
        reply = Reply(attempt, placement, pace)
        if image.error is not None:
            return replace(reply, error=image.error)
        if callback and not callback.url:
            return replace(reply, error=RefusedError(NO_URL))
        try:
            spec = complete_spec(
                plan, attempt, spec, render, keeps=keeps_spec, send_before=send_before
            )
            if uptime.read() >= send_before:
                return reply  # only this process may send the call, and it won't
            shown = cloud.create_instance(spec, deadline=cloud.timings.call)
        except CallError as error:
            return replace(reply, error=error)
        return replace(reply, shown=shown)


def record_create(
    server: Server, reply: Reply, snapshot: Snapshot, *, now: datetime
) -> Instance | None:
    """Record what the call came to, in the caller's transaction.

    Return the instance if the server has one now. ``snapshot`` is from before the call.
    """
    attempt, shown, error = reply.attempt, reply.shown, reply.error
    account = attempt.account
    # The account first: an intent locks it before its server.
    if shown is not None:
        record_success(account)
        if any(
            view.full_until and view.placement == reply.placement
            for view in snapshot.placements
        ):
            forget_full(reply.placement, account)
        said = f"The cloud created {shown.instance_id} ({shown.raw_status})."
        return record_accepted(server, attempt, shown, now=now, reason=said)
    if error is None:
        _withdraw_test(account)
        said = "The worker was suspended too long to send the create call."
        _close(server, attempt, snapshot, Answer.UNSENT, reason=said, now=now)
        return None
    if isinstance(error, RegistrationError):
        _withdraw_test(account)
        _close(server, attempt, snapshot, reply.answer, reason=error.message, now=now)
    elif isinstance(
        error, ThrottledError | UnreachableError | ClockError | RefusedError
    ):
        _note_refusal(reply, error, snapshot, now=now)
        _close(server, attempt, snapshot, reply.answer, reason=error.message, now=now)
    else:
        _note_failure(attempt, error, now=now)
        _note_silence(attempt, server, error)
    count_failure(error)  # last, as in every lock order
    return None


def _needs_finish(cloud: Cloud, spec: CreateSpec) -> bool:
    if isinstance(cloud, FinishesSome):
        return cloud.finishes_spec(spec)
    return cloud.finishes


def _withdraw_test(account: Account) -> None:
    """Let another create through, if one that was not sent was the breaker's test."""
    if account.breaker != Account.Breaker.CLOSED:
        note_answer(account)


def _note_refusal(
    reply: Reply, error: CallError, snapshot: Snapshot, *, now: datetime
) -> None:
    """Note on the account that nothing was created, and why."""
    account = reply.attempt.account
    note_full(reply.placement, account, reply.answer, now=now)
    # A wrong image, a size without capacity or a wrong clock on this machine is no
    # problem of the account.
    if isinstance(error, CredentialsError | QuotaError | UnreachableError):
        _note_failure(reply.attempt, error, now=now)
        return
    note_answer(account)
    if isinstance(error, ThrottledError):
        history = read_history(snapshot, reply.placement.position)
        note_throttling(
            account,
            failures=len(history.answers) + 1,
            retry_after=error.retry_after,
            now=now,
        )


def _note_failure(attempt: Attempt, error: CallError, *, now: datetime) -> None:
    record_failure(attempt.account, error.message, asked_at=attempt.asked_at, now=now)


def _close(
    server: Server,
    attempt: Attempt,
    snapshot: Snapshot,
    answer: Answer,
    *,
    reason: str,
    now: datetime,
) -> None:
    unsent = answer in NOT_SENT
    event = follow_failure(
        snapshot,
        Event.ATTEMPT_ABSENT if unsent else Event.ATTEMPT_REFUSED,
        # The attempt's placement: the row as loaded may still have an older one.
        placement=attempt.placement,
        answer=answer,
    )
    close_attempt(
        server,
        attempt,
        Outcome.ABSENT if unsent else Outcome.REFUSED,
        event=event,
        reason=reason,
        answer_class=answer,
        now=now,
    )


def _note_silence(attempt: Attempt, server: Server, error: CallError) -> None:
    """Record a call without an answer. The attempt stays open, to be looked for."""
    logger.warning("%s: the create call got no answer: %s", server.name, error.message)
    Attempt.objects.filter(pk=attempt.pk, outcome=Outcome.ASKED).update(
        answer=error.message, answer_class="UnknownOutcome"
    )
    write_event(Fact.ATTEMPT_ANSWERED, server=server, reason=error.message)
