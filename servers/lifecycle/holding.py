"""A server that holds an instance: what the cloud shows of it, and what follows.

An instance that failed, stopped or ended unasked is given up. One that listings stopped
showing is asked for by its id. Otherwise the server goes on booting or running.
"""

from datetime import datetime

from servers.lifecycle.decisions import (
    ConfirmVanished,
    Decision,
    Finish,
    Move,
    Wait,
)
from servers.lifecycle.guards import exceeds_share
from servers.lifecycle.health import decide_running
from servers.lifecycle.interruption import decide_interruption
from servers.lifecycle.loss import explain_mass, lose_server
from servers.lifecycle.machine import follow_condition, say_log
from servers.lifecycle.snapshot import InstanceView, LocationView, Snapshot
from servers.lifecycle.states import BOOTING, Answer, Event, State
from servers.lifecycle.tries import follow_failure


def decide_holding(snapshot: Snapshot, now: datetime) -> Decision:
    """Return the next step of a server whose instance is known and should exist."""
    own = snapshot.own_instance
    if own is None:
        return Wait("Waiting for its instance to be recorded.", snapshot.deadline_at)
    if own.interrupted:
        return decide_interruption(snapshot, own)
    # Listings stopped showing it, but none showed its end: nothing says it failed.
    lost = not own.live and own.missed_from is not None
    location = snapshot.location(own.location)
    broken = (
        "" if lost else _explain_end(own, is_off=_is_not_on_yet(snapshot, location))
    )
    if broken:
        return _give_up(snapshot, own, broken, now)
    if not own.live:
        return _give_up_lost(snapshot, own, _say_shown(own), now)
    if _is_missing(own, location):
        return _decide_missing(snapshot, own, location, now)
    if _is_unfinished(snapshot):
        if location.closed:
            return Wait(location.closed, now + location.pace.listing, held=True)
        return Finish(own)
    broken = snapshot.machine.broken
    if broken and snapshot.state in BOOTING:
        said = f"{broken} {say_log(snapshot)}".rstrip()
        return _give_up(snapshot, own, said, now)
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
        return f"{_say_shown(own)}{fault}"
    return ""


def _say_shown(own: InstanceView) -> str:
    return (
        f"The cloud shows its instance as {own.raw_status or 'gone'!r}, although "
        "ServerFleet did not request that."
    )


def _give_up_lost(
    snapshot: Snapshot, own: InstanceView, because: str, now: datetime
) -> Decision:
    """Return the step after the instance of a server that ran is of no use any more."""
    event = Event.HEALTH_LOST if own.live else Event.INSTANCE_VANISHED
    unknown = own.unclear and not own.failed  # no reason to destroy it
    if snapshot.state is not State.RUNNING or unknown:
        return Move(event, f"{because} Retry or terminate the server.")
    mass = explain_mass(snapshot.location(own.location), snapshot.limits)
    return lose_server(snapshot, because, event, kept=mass, now=now)


def _give_up(
    snapshot: Snapshot, own: InstanceView, because: str, now: datetime
) -> Decision:
    """Return the step after an instance failed, stopped or ended unasked."""
    attempt = snapshot.attempt
    if snapshot.state is State.RUNNING or attempt is None:
        return _give_up_lost(snapshot, own, because, now)
    if own.unclear and not own.failed:
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


def _is_missing(instance: InstanceView, location: LocationView) -> bool:
    """Tell whether two complete listings, a lag apart, missed the instance."""
    return (
        instance.live
        and instance.missed_from is not None
        and location.newest is not None
        and location.newest >= instance.missed_from + location.pace.lag
    )
