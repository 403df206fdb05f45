"""decide(snapshot, now): the one next step of a server, as a value.

The theory. A create call that got no answer may have made an instance, may still make
one, or may never. So the intent is written first; whoever comes later looks for the
attempt's key before anything else, and believes in its absence only when the look began
after ``settle``, when no request of it can still take effect. Only an instance of the
current attempt may be adopted, so an attempt that was closed stays closed, and what
appears of it later is an orphan that the sweep condemns. A destroyed server is believed
gone only after two complete listings, a visibility lag apart, of every scope that any
attempt of it named. Nothing here asks who died: the same rows give the same decision.
"""

from datetime import datetime

from servers.lifecycle.decisions import (
    Adopt,
    CloseAttempt,
    ConfirmVanished,
    Decision,
    LookUp,
    Move,
    Probe,
    Wait,
)
from servers.lifecycle.ending import decide_stopping
from servers.lifecycle.pending import decide_pending
from servers.lifecycle.snapshot import (
    AttemptView,
    InstanceView,
    ScopeView,
    Snapshot,
)
from servers.lifecycle.states import BOOTING, HOLDING, Answer, Event, Outcome, State
from servers.lifecycle.tries import follow_failure


def decide(snapshot: Snapshot, now: datetime) -> Decision:
    """Return the next step of the server at the database's time ``now``."""
    may_end = snapshot.state in BOOTING | {State.RUNNING} and not snapshot.protected
    if snapshot.ttl and may_end and now >= snapshot.created_at + snapshot.ttl:
        return Move(Event.STOP_REQUESTED, "Its time to live is over.")
    if snapshot.trial_until is not None and not snapshot.protected:
        over = _end_trial(snapshot.state, now >= snapshot.trial_until)
        if over:
            return Move(Event.STOP_REQUESTED, f"The try is over: {over}.")
    decision = _decide_state(snapshot, now)
    if _is_overdue(snapshot, decision, now):
        return Move(
            Event.DEADLINE_PASSED,
            f"It stayed {snapshot.state} until its deadline. {_last_word(snapshot)}"
            "Retry it, or terminate it.",
        )
    return decision


def _end_trial(state: State, late: bool) -> str:
    """Return why a server that was made to try its template may end, or ""."""
    if state is State.RUNNING:
        return "it became ready"
    if state is State.ERROR:
        return "it failed"
    return "it was not ready in time" if late and state in BOOTING else ""


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
            return Move(
                Event.DRAINED, "Servers are destroyed without waiting for builds."
            )
        case State.STOPPING:
            return decide_stopping(snapshot, now)
        case State.STOPPED:
            return Wait("It is proven gone.", None)


def _is_overdue(snapshot: Snapshot, decision: Decision, now: datetime) -> bool:
    """Tell whether the state's deadline has passed with nothing left to try first.

    After an hour without workers all deadlines lie behind, and the instances may long
    be ready: so what a fresh look would show comes first.
    """
    deadline = snapshot.deadline_at
    if snapshot.state not in BOOTING or deadline is None or now < deadline:
        return False
    match decision:
        case Wait(held=held):
            waits = not held
        case LookUp():
            waits = snapshot.failures > 0
        case Probe():
            waits = True
        case _:
            return False
    own = snapshot.own_instance
    if snapshot.state in HOLDING and own is not None:
        newest = snapshot.scope(own.scope).newest
        return waits and newest is not None and newest >= deadline
    return waits


def is_missing(instance: InstanceView, scope: ScopeView) -> bool:
    """Tell whether two complete listings, a lag apart, did not show the instance."""
    return (
        instance.live
        and instance.missed_from is not None
        and scope.newest is not None
        and scope.newest >= instance.missed_from + scope.pace.lag
    )


def exceeds_share(count: int, total: int, *, share: float, floor: int) -> bool:
    """Tell whether ``count`` of ``total`` at once is something a person must see."""
    return count > max(floor, int(total * share))


def _last_word(snapshot: Snapshot) -> str:
    """Return what the cloud last said of the server, as a sentence with a space."""
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
        # Unreachable while one transaction closes an attempt and moves its row.
        return Move(Event.ATTEMPT_ABSENT, "Its attempt was closed.")
    return _resolve_attempt(snapshot, attempt, now)


def _resolve_attempt(
    snapshot: Snapshot, attempt: AttemptView, now: datetime
) -> Decision:
    """Find out what became of a call that was never answered."""
    found = [
        instance
        for instance in snapshot.live_instances
        if instance.attempt_number == attempt.number and not instance.condemned
    ]
    if found:
        return Adopt(min(found, key=lambda instance: instance.instance_id))
    pace = snapshot.scope(attempt.scope).pace
    settled = attempt.lease_end + pace.settle
    if attempt.looked_at is None or now >= settled > attempt.looked_at:
        return LookUp(attempt.number)
    if attempt.looked_at < settled:
        return Wait(
            "The create call got no answer. It is looked for until no request of it "
            "can still take effect.",
            settled,
        )
    reason = "The create call got no answer, and nothing of it was found."
    if snapshot.state is not State.CREATING:
        return CloseAttempt(attempt.number, None, reason)
    event = follow_failure(
        snapshot,
        Event.ATTEMPT_ABSENT,
        candidate=attempt.candidate,
        answer=Answer.SILENCE,
    )
    return CloseAttempt(attempt.number, event, reason)


def _decide_holding(snapshot: Snapshot, now: datetime) -> Decision:
    own = snapshot.own_instance
    if own is None:
        return Wait("Its instance is not recorded yet.", snapshot.deadline_at)
    # Its end was concluded from silence, not shown: then nothing says that it failed.
    lost = not own.live and own.missed_from is not None
    if not lost and (broken := _explain_end(own)):
        return _give_up(snapshot, broken, live=own.live)
    if not own.live:
        return Move(
            Event.INSTANCE_VANISHED,
            f"The cloud shows its instance as {own.raw_status or 'gone'!r}, and "
            "ServerFleet did not ask for that. Retry it, or terminate it.",
        )
    scope = snapshot.scope(own.scope)
    if is_missing(own, scope):
        return _decide_missing(snapshot, own, scope, now)
    return _decide_boot(snapshot, own)


def _explain_end(own: InstanceView) -> str:
    """Return what is wrong with an instance that the cloud shows, or ""."""
    fault = f" It says: {own.fault}" if own.fault else ""
    if own.failed:
        return f"The cloud gave up on its instance.{fault}"
    if own.halted or not own.live:
        return (
            f"The cloud shows its instance as {own.raw_status or 'gone'!r}, and "
            f"ServerFleet did not ask for that.{fault}"
        )
    return ""


def _give_up(snapshot: Snapshot, because: str, *, live: bool) -> Decision:
    """Return what follows where the instance failed, stopped or ended by itself."""
    attempt = snapshot.attempt
    own = snapshot.own_instance
    if snapshot.state is State.RUNNING or attempt is None:
        event = Event.HEALTH_LOST if live else Event.INSTANCE_VANISHED
        return Move(event, f"{because} Retry it, or terminate it.")
    if own is not None and own.unclear and not own.failed:
        # It may yet boot: what nobody can read is no reason to destroy it.
        return Wait(f"{because} It is waited for.", snapshot.deadline_at)
    event = follow_failure(
        snapshot,
        Event.INSTANCE_FAILED,
        candidate=attempt.candidate,
        answer=Answer.FAILED,
    )
    if event is Event.CANDIDATES_EXHAUSTED:
        because = f"{because} No other try is left. Retry it, or terminate it."
    return Move(event, because)


def _decide_missing(
    snapshot: Snapshot, own: InstanceView, scope: ScopeView, now: datetime
) -> Decision:
    limits = snapshot.limits
    if exceeds_share(
        scope.missing, scope.live, share=limits.share, floor=limits.share_floor
    ):
        return Wait(
            f"{scope.missing} of {scope.live} instances in {scope.name} are missing at "
            "once, which looks like a fault of the listing. Look at the cloud's "
            "console, and terminate those that are truly gone.",
            now + scope.pace.gate,
            held=True,
        )
    return ConfirmVanished(own)


def _decide_boot(snapshot: Snapshot, own: InstanceView) -> Decision:
    match snapshot.state:
        case State.CREATED if own.address:
            return Move(Event.ADDRESS_SEEN, f"Its address is {own.address}.")
        case State.CREATED:
            return Wait("The cloud has given it no address yet.", snapshot.deadline_at)
        case State.STAGING if snapshot.ready_by_address:
            return Move(Event.READY, "It has an address, and nothing else is asked.")
        case State.STAGING:
            return Probe(own.address)
        case _:
            ends = snapshot.created_at + snapshot.ttl if snapshot.ttl else None
            return Wait("", None if snapshot.protected else ends)


def _decide_error(snapshot: Snapshot, now: datetime) -> Decision:
    attempt = snapshot.attempt
    if attempt is not None and attempt.outcome is Outcome.ASKED:
        return _resolve_attempt(snapshot, attempt, now)
    if not snapshot.live_instances:
        return Wait("It failed. Retry it, or end it.", None)
    ends = snapshot.state_since + snapshot.limits.retention
    if snapshot.protected:
        return Wait("It failed, and is protected with its instance.", None)
    if now >= ends:
        return Move(
            Event.STOP_REQUESTED,
            "It failed, and its instance was kept for as long as is set.",
        )
    return Wait("It failed. Its instance is kept for a while, then destroyed.", ends)
