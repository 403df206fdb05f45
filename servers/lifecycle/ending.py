"""The end of a server: what to destroy, and when to believe that nothing is left."""

from datetime import datetime, timedelta

from servers.lifecycle.backoff import back_off
from servers.lifecycle.decisions import Decision, Destroy, Move, Wait
from servers.lifecycle.snapshot import (
    AttemptView,
    InstanceView,
    ScopeView,
    Snapshot,
)
from servers.lifecycle.states import Event, Outcome


def decide_stopping(snapshot: Snapshot, now: datetime) -> Decision:
    """Return the next step of a stopping server."""
    live = snapshot.live_instances
    if live:
        return _decide_destroy(snapshot, live, now)
    return _decide_absence(snapshot, now)


def _decide_destroy(
    snapshot: Snapshot, live: tuple[InstanceView, ...], now: datetime
) -> Decision:
    due = []
    waits = []
    for instance in live:
        scope = snapshot.scope(instance.scope)
        again = _next_destroy_at(instance, scope, snapshot.jitter)
        if scope.no_destroy:
            waits.append(Wait(scope.no_destroy, now + scope.pace.listing, held=True))
        elif again is None or now >= again:
            due.append(instance)
        else:
            error = instance.destroy_error
            because = (
                f"The cloud did not take the destroy call: {error}"
                if error
                else "Its destruction was asked for; a listing must confirm it."
            )
            waits.append(Wait(because, again))
    if due:
        return Destroy(tuple(due))
    return min(waits, key=lambda wait: wait.until or now)


def _next_destroy_at(
    instance: InstanceView, scope: ScopeView, jitter: float
) -> datetime | None:
    """Return when the destroy call may be sent again; None before the first."""
    if instance.destroy_asked_at is None:
        return None
    # An accepted call gets the time of a few listings before it is repeated.
    patience = max(scope.pace.listing * 3, timedelta(seconds=1))
    return instance.destroy_asked_at + max(
        patience, back_off(instance.destroy_failures, jitter)
    )


def _decide_absence(snapshot: Snapshot, now: datetime) -> Decision:
    for attempt in snapshot.attempts:
        if attempt.outcome is Outcome.REFUSED:
            continue
        scope = snapshot.scope(attempt.scope)
        if (
            scope.first_look is None
            or scope.last_look is None
            or scope.last_look < scope.first_look + scope.pace.lag
        ):
            quiet = quiet_from(snapshot)
            return Wait(
                f"Two complete listings of {scope.name} must show that nothing of it "
                "is left.",
                max(quiet, now) + scope.pace.listing,
            )
    return Move(Event.ABSENCE_CONFIRMED, "Nothing of it is left at any cloud.")


def quiet_from(snapshot: Snapshot) -> datetime:
    """Return the time after which no attempt of the server can still bring anything.

    Looks that begin later count towards its absence. An attempt that was refused
    brought nothing; one whose answer is known is spent, since each sends one call,
    but its instance may stay invisible for a while; one without an answer may take
    effect until its lease's end plus ``settle``. An instance that the cloud itself
    showed as ended needs no such wait.
    """
    latest = snapshot.state_since
    for attempt in snapshot.attempts:
        settle = snapshot.scope(attempt.scope).pace.settle
        if attempt.outcome is Outcome.REFUSED:
            continue
        if attempt.answered_at is None:
            latest = max(latest, attempt.lease_end + settle)
        elif not _is_seen_ended(snapshot, attempt):
            latest = max(latest, attempt.answered_at + settle)
    return latest


def _is_seen_ended(snapshot: Snapshot, attempt: AttemptView) -> bool:
    instances = [
        instance
        for instance in snapshot.instances
        if instance.attempt_number == attempt.number
    ]
    # missed_from is set where the end was concluded from silence.
    return bool(instances) and all(
        not instance.live and instance.missed_from is None for instance in instances
    )
