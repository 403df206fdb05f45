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
    ConfirmVanished,
    Decision,
    Finish,
    LookUp,
    Move,
    Probe,
    Wait,
)
from servers.lifecycle.drain import decide_shutdown
from servers.lifecycle.ending import decide_stopping
from servers.lifecycle.health import decide_running
from servers.lifecycle.machine import follow_condition
from servers.lifecycle.pending import decide_pending
from servers.lifecycle.snapshot import AttemptView, InstanceView, LocationView, Snapshot
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
            f"{_last_word(snapshot, decision)}{_say_log(snapshot)}"
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
            return _decide_holding(snapshot, now)
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


def is_missing(instance: InstanceView, location: LocationView) -> bool:
    """Tell whether two complete listings, a lag apart, missed the instance."""
    return (
        instance.live
        and instance.missed_from is not None
        and location.newest is not None
        and location.newest >= instance.missed_from + location.pace.lag
    )


def exceeds_share(count: int, total: int, *, share: float, floor: int) -> bool:
    """Tell whether ``count`` of ``total`` at once is so many that a person decides."""
    return count > max(floor, int(total * share))


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


def _say_log(snapshot: Snapshot) -> str:
    """Return the end of the boot's log as a sentence, with a trailing space."""
    end = snapshot.machine.log_end
    return f'Its boot log ends with "{end}". ' if end else ""


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


def _decide_holding(snapshot: Snapshot, now: datetime) -> Decision:
    own = snapshot.own_instance
    if own is None:
        return Wait("Waiting for its instance to be recorded.", snapshot.deadline_at)
    # Listings stopped showing it, but none showed its end: nothing says it failed.
    lost = not own.live and own.missed_from is not None
    location = snapshot.location(own.location)
    broken = (
        "" if lost else _explain_end(own, is_off=_is_not_on_yet(snapshot, location))
    )
    if broken:
        return _give_up(snapshot, broken, live=own.live)
    if not own.live:
        return Move(
            Event.INSTANCE_VANISHED,
            f"The cloud shows its instance as {own.raw_status or 'gone'!r}, although "
            "ServerFleet did not request that. Retry or terminate the server.",
        )
    if is_missing(own, location):
        return _decide_missing(snapshot, own, location, now)
    if _is_unfinished(snapshot):
        if location.closed:
            return Wait(location.closed, now + location.pace.listing, held=True)
        return Finish(own)
    broken = snapshot.machine.broken
    if broken and snapshot.state in BOOTING:
        said = f"{broken} {_say_log(snapshot)}".rstrip()
        return _give_up(snapshot, said, live=True)
    return _decide_boot(snapshot, own, now)


def _is_unfinished(snapshot: Snapshot) -> bool:
    attempt = snapshot.attempt
    return (
        snapshot.state is State.CREATED and attempt is not None and attempt.unfinished
    )


def _is_not_on_yet(snapshot: Snapshot, location: LocationView) -> bool:
    """Tell whether the instance may be shown as stopped since it was created so.

    Where one call is not enough, an instance stays off until it is finished, and
    listings may show that for a while longer.
    """
    attempt = snapshot.attempt
    if attempt is None or attempt.finished_at is None:
        return _is_unfinished(snapshot)
    shown_until = attempt.finished_at + location.pace.settle
    return location.newest is None or location.newest < shown_until


def _explain_end(own: InstanceView, *, is_off: bool) -> str:
    """Return what is wrong with an instance that the cloud shows, or "".

    With ``is_off`` it is no fault that it is stopped.
    """
    fault = f" Cloud's response: {own.fault}" if own.fault else ""
    if own.failed:
        return f"The cloud reports that its instance failed.{fault}"
    if (own.halted and not (own.stopped and is_off)) or not own.live:
        return (
            f"The cloud shows its instance as {own.raw_status or 'gone'!r}, although "
            f"ServerFleet did not request that.{fault}"
        )
    return ""


def _give_up(snapshot: Snapshot, because: str, *, live: bool) -> Decision:
    """Return the step after an instance failed, stopped or ended unasked."""
    attempt = snapshot.attempt
    own = snapshot.own_instance
    if snapshot.state is State.RUNNING or attempt is None:
        event = Event.HEALTH_LOST if live else Event.INSTANCE_VANISHED
        return Move(event, f"{because} Retry or terminate the server.")
    if own is not None and own.unclear and not own.failed:
        # It may still boot: an unknown status is no reason to destroy it.
        return Wait(f"{because} Waiting until its deadline.", snapshot.deadline_at)
    event = follow_failure(
        snapshot,
        Event.INSTANCE_FAILED,
        placement=attempt.placement,
        answer=Answer.FAILED,
    )
    if event is Event.CANDIDATES_EXHAUSTED:
        because = f"{because} No attempts are left. Retry or terminate the server."
    return Move(event, because)


def _decide_missing(
    snapshot: Snapshot, own: InstanceView, location: LocationView, now: datetime
) -> Decision:
    limits = snapshot.limits
    if exceeds_share(
        location.missing, location.live, share=limits.share, floor=limits.share_floor
    ):
        return Wait(
            f"{location.missing} of {location.live} instances in {location.name} went "
            "missing at once, so the listing may be wrong. Check the cloud's console, "
            "then terminate the servers whose instances are really gone.",
            now + location.pace.gate,
            held=True,
        )
    return ConfirmVanished(own)


def _decide_boot(snapshot: Snapshot, own: InstanceView, now: datetime) -> Decision:
    match snapshot.state:
        case State.CREATED if own.address:
            return Move(Event.ADDRESS_SEEN, f"Its address is {own.address}.")
        case State.CREATED:
            return Wait("Waiting for an address.", snapshot.deadline_at)
        case State.STAGING:
            return follow_condition(
                snapshot, snapshot.machine.ready, Event.READY, own.address, now
            )
        case _:
            return decide_running(snapshot, own, now)


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
