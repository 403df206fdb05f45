"""decide(snapshot, now): the next step of a server, as a value.

The theory: a create call that got no answer may have created an instance, may still
create one, or may never do so. So the attempt is written before the call. After a
crash, the next worker first looks for the attempt's key. It concludes that nothing was
created only if that look began after ``settle``, when no request of the attempt can
still take effect. Only an instance of the current attempt may be adopted. A closed
attempt stays closed, and an instance of it that appears later is an orphan, which the
sweep condemns. A destroyed server counts as gone only after two complete listings, a
visibility lag apart, of every location that one of its attempts named. It makes no
difference which process died: the same rows give the same decision.
"""

from datetime import datetime

from servers.lifecycle.decisions import (
    Adopt,
    CloseAttempt,
    Decision,
    Finish,
    LookUp,
    Move,
    Probe,
    Wait,
)
from servers.lifecycle.drain import decide_shutdown
from servers.lifecycle.ending import decide_stopping
from servers.lifecycle.holding import decide_holding
from servers.lifecycle.machine import say_log
from servers.lifecycle.pending import decide_pending
from servers.lifecycle.snapshot import AttemptView, Snapshot
from servers.lifecycle.states import BOOTING, HOLDING, Answer, Event, Outcome, State
from servers.lifecycle.tries import follow_failure


def decide(snapshot: Snapshot, now: datetime) -> Decision:
    """Return the next step of the server at the database's time ``now``."""
    may_end = snapshot.state in BOOTING | {State.RUNNING} and not snapshot.protected
    if snapshot.ttl and may_end and now >= snapshot.created_at + snapshot.ttl:
        return Move(Event.STOP_REQUESTED, "The server has expired.")
    if snapshot.trial_until is not None and not snapshot.protected:
        over = _end_trial(snapshot.state, now >= snapshot.trial_until)
        if over:
            return Move(Event.STOP_REQUESTED, f"Trial run finished: {over}.")
    decision = _decide_state(snapshot, now)
    if _is_overdue(snapshot, decision, now):
        return Move(
            Event.DEADLINE_PASSED,
            f"The server was still {snapshot.state} at its deadline. "
            f"{_last_word(snapshot, decision)}{say_log(snapshot)}"
            "Retry or terminate it.",
        )
    return decision


def _end_trial(state: State, late: bool) -> str:
    """Return why the server of a template's trial may be terminated, or ""."""
    if state is State.RUNNING:
        return "the server became ready"
    if state is State.ERROR:
        return "the server failed"
    return "the server was not ready in time" if late and state in BOOTING else ""


def _decide_state(snapshot: Snapshot, now: datetime) -> Decision:
    match snapshot.state:
        case State.PENDING:
            return decide_pending(snapshot, now)
        case State.CREATING:
            return _decide_creating(snapshot, now)
        case State.CREATED | State.STAGING | State.RUNNING:
            return decide_holding(snapshot, now)
        case State.ERROR:
            return _decide_error(snapshot, now)
        case State.SHUTDOWN:
            return decide_shutdown(snapshot, now)
        case State.STOPPING:
            return decide_stopping(snapshot, now)
        case State.STOPPED:
            return Wait("Confirmed gone.", None)


def _is_overdue(snapshot: Snapshot, decision: Decision, now: datetime) -> bool:
    """Tell whether the state's deadline has passed with nothing left to try first.

    After an hour without workers every deadline has passed, although the instances may
    have been ready for a long time. So a fresh look at the cloud comes first.
    """
    deadline = snapshot.deadline_at
    if snapshot.state not in BOOTING or deadline is None or now < deadline:
        return False
    match decision:
        case Wait(held=held):
            waits = not held
        case LookUp():
            waits = snapshot.failures > 0
        case Finish() | Probe():
            waits = True
        case _:
            return False
    own = snapshot.own_instance
    if snapshot.state in HOLDING and own is not None:
        newest = snapshot.location(own.location).newest
        return waits and newest is not None and newest >= deadline
    return waits


def _last_word(snapshot: Snapshot, decision: Decision) -> str:
    """Return what is last known about the server, with a trailing space.

    That is what its instance reported, what the last look at it found, or what the
    cloud last said.
    """
    if snapshot.state is State.STAGING and isinstance(decision, Wait):
        return f"{decision.because} "
    if snapshot.state is State.STAGING and snapshot.waiting:
        return f"{snapshot.waiting} "
    attempt = snapshot.attempt
    own = snapshot.own_instance
    if own is not None and own.raw_status:
        return f"The cloud last showed its instance as {own.raw_status!r}. "
    if attempt is not None and attempt.answer:
        return f"The cloud's last answer: {attempt.answer} "
    return ""


def _decide_creating(snapshot: Snapshot, now: datetime) -> Decision:
    attempt = snapshot.attempt
    if attempt is None or not attempt.is_open:
        # Unreachable as long as one transaction closes an attempt and moves its row.
        return Move(Event.ATTEMPT_ABSENT, "The attempt was closed.")
    return _resolve_attempt(snapshot, attempt, now)


def _resolve_attempt(
    snapshot: Snapshot, attempt: AttemptView, now: datetime
) -> Decision:
    """Return the step that finds out what became of a call without an answer."""
    found = [
        instance
        for instance in snapshot.live_instances
        if instance.attempt_number == attempt.number and not instance.condemned
    ]
    if found:
        return Adopt(min(found, key=lambda instance: instance.instance_id))
    pace = snapshot.location(attempt.location).pace
    settled = attempt.lease_end + pace.settle
    if attempt.looked_at is None or now >= settled > attempt.looked_at:
        return LookUp(attempt.number)
    if attempt.looked_at < settled:
        return Wait(
            "The create call got no answer. ServerFleet looks for its instance until "
            "the call can no longer take effect.",
            settled,
        )
    reason = "The create call got no answer, and no instance of it was found."
    if snapshot.state is not State.CREATING:
        return CloseAttempt(attempt.number, None, reason)
    event = follow_failure(
        snapshot,
        Event.ATTEMPT_ABSENT,
        placement=attempt.placement,
        answer=Answer.SILENCE,
    )
    return CloseAttempt(attempt.number, event, reason)


def _decide_error(snapshot: Snapshot, now: datetime) -> Decision:
    attempt = snapshot.attempt
    if attempt is not None and attempt.outcome is Outcome.ASKED:
        return _resolve_attempt(snapshot, attempt, now)
    if not snapshot.live_instances:
        return Wait("The server failed. Retry or terminate it.", None)
    ends = snapshot.state_since + snapshot.limits.retention
    if snapshot.protected:
        return Wait(
            "The server failed. It is protected, so its instance is kept.", None
        )
    if now >= ends:
        return Move(
            Event.STOP_REQUESTED,
            "The server failed, and the time to keep its instance is over.",
        )
    return Wait(
        "The server failed. Its instance is kept for a while, then destroyed.", ends
    )
