"""Explain what a server waits for, since when, and what happens next."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from servers.lifecycle.cordon import say_behind
from servers.lifecycle.decide import decide
from servers.lifecycle.decisions import (
    Adopt,
    Check,
    CloseAttempt,
    ConfirmVanished,
    Decision,
    Destroy,
    Finish,
    LookUp,
    Move,
    Probe,
    Replace,
    Tell,
    Wait,
    WriteIntent,
)
from servers.lifecycle.states import BOOTING, Event
from servers.messaging.standstill import find_standstill
from servers.models import Fleet, Heartbeat, Server
from servers.placing.snapshots import Loader

ASKS: Final = "ServerFleet asks the cloud again."


@dataclass(frozen=True, slots=True)
class Why:
    """Why a server is in its state, and what happens next."""

    sentence: str
    since: datetime
    next: str  # what happens next, as a sentence
    next_at: datetime | None  # None: only after something else happens
    last_answer: str  # the cloud's last response, or ""


def explain_server(
    server: Server, *, now: datetime, loader: Loader | None = None
) -> Why:
    """Return why ``server`` is in its state. Reads only the database, no cloud.

    Pass ``loader`` if you already have one.
    """
    if loader is None:
        loader = Loader([server], fleet=Fleet.objects.get(), now=now)
    snapshot = loader.snapshot(server)
    decision = decide(snapshot, now)
    attempt = snapshot.attempt
    sentence, following, at = _describe(decision, server, now)
    place = loader.locations.get((server.account_id, server.region))
    if place and at and server.state in BOOTING and at == snapshot.deadline_at:
        # Something may happen before: each listing shows how far its instance is.
        listed = max(place.next_listing_at, now)
        if listed < at or at <= now:
            following, at = ASKS, listed
    if at is not None:
        # Something is due, and a worker must do it.
        beats = list(Heartbeat.objects.all())
        standstill = find_standstill(beats, loader.fleet, now=now)
        if standstill is not None:
            if isinstance(decision, WriteIntent):
                sentence = standstill.sentence
                following = standstill.advice
            else:
                following = f"{standstill.sentence} {standstill.advice}"
    return Why(
        sentence=sentence,
        since=server.state_since,
        next=following,
        next_at=at,
        last_answer=attempt.answer if attempt else "",
    )


def _describe(
    decision: Decision, server: Server, now: datetime
) -> tuple[str, str, datetime | None]:
    match decision:
        case Wait():
            return _describe_wait(decision, server, now)
        case Move(event=event, reason=reason):
            return reason, f"The server moves on: {event.replace('_', ' ')}.", now
        case WriteIntent(because=because):
            what = f"A worker can start on it now. {because}".rstrip()
            return what, "The create call is sent.", now
        case LookUp():
            what = "The create call got no answer."
            return what, "The attempt's key is looked up at the cloud.", now
        case Adopt() | Finish() | ConfirmVanished():
            return (*_describe_instance(decision, server), now)
        case CloseAttempt(reason=reason):
            return reason, "The attempt is closed.", now
        case Probe() | Check() | Tell() | Replace():
            return (*_describe_look(decision, server), _find_next(server, now))
        case Destroy(instances=instances):
            names = ", ".join(instance.instance_id for instance in instances)
            return f"{names} must be destroyed.", "The destroy call is sent.", now
        case _:
            assert_never(decision)


def _find_next(server: Server, now: datetime) -> datetime:
    """Return when the next look is planned."""
    return max(server.next_step_at or now, now)


def _describe_look(
    decision: Probe | Check | Tell | Replace, server: Server
) -> tuple[str, str]:
    match decision:
        case Probe(address=address, event=event):
            unknown = f"{address} is not ready for builds yet."
            if event is Event.DRAINED:
                unknown = "It drains. It is not known yet whether builds run on it."
            # What the last look found.
            return server.waiting or unknown, "ServerFleet looks at the instance again."
        case Check():
            what = server.waiting or f"It is {server.state}, as it should be."
            return what, "Its health is checked."
        case Tell():
            what = server.waiting or say_behind(None, cordoned=server.cordoned)
            return what, "ServerFleet tells its agent."
        case Replace(reason=reason):
            return reason, "Another server replaces it, and it drains."


def _describe_instance(
    decision: Adopt | Finish | ConfirmVanished, server: Server
) -> tuple[str, str]:
    name = decision.instance.instance_id
    match decision:
        case Adopt():
            return f"Its instance {name} was found.", "It is assigned to the server."
        case Finish() if server.waiting and not server.failures:
            return server.waiting, ASKS
        case Finish():
            return (
                f"{name} is created, but needs another call before it boots.",
                "The call is sent.",
            )
        case ConfirmVanished():
            return (
                f"Two listings did not show {name}.",
                "Its id is looked up at the cloud.",
            )


def _describe_wait(
    wait: Wait, server: Server, now: datetime
) -> tuple[str, str, datetime | None]:
    sentence = wait.because or f"It is {server.state}, as it should be."
    if wait.until is None:
        return sentence, "Nothing happens until someone requests a change.", None
    return sentence, "It is checked again.", max(wait.until, now)
