"""The end of a server: what to destroy, and when it is confirmed gone."""

from datetime import datetime, timedelta

from servers.lifecycle.backoff import back_off
from servers.lifecycle.decisions import Decision, Destroy, Move, Wait
from servers.lifecycle.snapshot import AttemptView, InstanceView, LocationView, Snapshot
from servers.lifecycle.states import Event, Outcome, State


def leaves_list(state: State, *, instance_id: str, force: bool) -> bool:
    """Tell whether a termination takes the server off the list at once.

    Only a failed server leaves, if it has no instance or with ``force``.
    """
    return state is State.ERROR and (force or not instance_id)


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
        location = snapshot.location(instance.location)
        again = _next_destroy_at(instance, location, snapshot.jitter)
        if location.no_destroy:
            waits.append(
                Wait(location.no_destroy, now + location.pace.listing, held=True)
            )
        elif again is None or now >= again:
            due.append(instance)
        else:
            error = instance.destroy_error
            because = (
                f"The cloud did not accept the destroy call: {error}"
                if error
                else "The destroy call was sent. Waiting for a listing to confirm it."
            )
            waits.append(Wait(because, again))
    if due:
        return Destroy(tuple(due))
    return min(waits, key=lambda wait: wait.until or now)


def _next_destroy_at(
    instance: InstanceView, location: LocationView, jitter: float
) -> datetime | None:
    """Return when the destroy call can be repeated; None before the first one."""
    if instance.destroy_asked_at is None:
        return None
    # An accepted call has a few listings' time to take effect before it is repeated.
    patience = max(location.pace.listing * 3, timedelta(seconds=1))
    return instance.destroy_asked_at + max(
        patience, back_off(instance.destroy_failures, jitter)
    )


def _decide_absence(snapshot: Snapshot, now: datetime) -> Decision:
    for attempt in snapshot.attempts:
        if attempt.outcome is Outcome.REFUSED:
            continue
        location = snapshot.location(attempt.location)
        if (
            location.first_look is None
            or location.last_look is None
            or location.last_look < location.first_look + location.pace.lag
        ):
            quiet = quiet_from(snapshot)
            return Wait(
                f"Waiting for two complete listings of {location.name} to confirm that "
                "nothing is left.",
                max(quiet, now) + location.pace.listing,
            )
    return Move(Event.ABSENCE_CONFIRMED, "No instance is left at any cloud.")


def quiet_from(snapshot: Snapshot) -> datetime:
    """Return the time after which no attempt of the server can produce an instance.

    Only listings that begin later count as proof that it is gone. A refused attempt
    created nothing. An answered attempt can't create another instance, since each
    attempt sends one call, but its instance may stay invisible for a while. An attempt
    without an answer may take effect until the end of its lease plus ``settle``. If
    the cloud itself showed an instance as ended, there is nothing to wait for.
    """
    latest = snapshot.state_since
    for attempt in snapshot.attempts:
        settle = snapshot.location(attempt.location).pace.settle
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
    # missed_from is set if the end was only inferred: listings stopped showing it.
    return bool(instances) and all(
        not instance.live and instance.missed_from is None for instance in instances
    )
