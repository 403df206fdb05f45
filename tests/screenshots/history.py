"""What came before: the fleet's rows moved back in time, and two weeks of events."""

import random
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction

from servers.lifecycle.states import MOVING, State
from servers.lifecycle.states import Event as Happening
from servers.models import (
    Account,
    Attempt,
    Event,
    Instance,
    Server,
    Template,
    TemplateVersion,
    Token,
)
from servers.records.ledger import Fact, database_now

DAYS: Final = 14
SETUP: Final = {
    *(Fact.ACCOUNT_CHANGED, Fact.TEMPLATE_CHANGED, Fact.TOKEN_MADE),
    *(Fact.PAUSED, Fact.RESUMED),
}
NOON: Final = 13
_SERVER: Final = ("created_at", "updated_at", "started_at", "stopped_at", "state_since")
_ATTEMPT: Final = ("asked_at", "looked_at", "answered_at", "closed_at", "ready_at")
_SEED: Final = 7
_dice: Final = random.Random(_SEED)


def tell_history() -> None:
    """Move all back in time, and write what was before."""
    now = database_now()
    with transaction.atomic():
        for number, server in enumerate(Server.objects.order_by("created_at", "name")):
            move_back(server, number, now=now)
        set_days_ago(now)
        events = [*Event.objects.all(), *past_events(now)]
        setup = [event for event in events if event.kind in SETUP]
        for position, event in enumerate(setup):
            event.at = now - timedelta(days=6) + position * timedelta(hours=2.3)
        # In the order of their times, as they would have been written.
        Event.objects.all().delete()
        for event in events:
            event.id = None
        Event.objects.bulk_create(sorted(events, key=lambda event: event.at))
        Attempt.objects.bulk_create(past_failures(now))
        Attempt.objects.bulk_create(past_boots(events))


def move_back(server: Server, number: int, *, now: datetime) -> None:
    """Have a server be so old, and have booted as slowly as a real one does."""
    if server.state in MOVING:
        return
    events = Event.objects.filter(server_uid=server.pk)
    begun, pace = server.created_at, 8.0
    age = 600 + 1700 * (number % 13) + _dice.randrange(900)
    if ready := events.filter(kind=Happening.READY).first():
        pace = _dice.uniform(31, 58) / (ready.at - begun).total_seconds()
    if server.state == State.ERROR:
        age = 2300
    shift = Shift(begun, now - timedelta(seconds=age), pace)
    shift.save(Server.objects.filter(pk=server.pk), _SERVER)
    shift.save(Attempt.objects.filter(server_uid=server.pk), _ATTEMPT)
    rows = Instance.objects.filter(server_uid=server.pk)
    shift.save(rows, ("first_seen", "listed_from", "gone_at"))
    shift.save(events, ("at",))


class Shift:
    """Moves times back and stretches them: ``begun`` becomes ``anew``."""

    def __init__(self, begun: datetime, anew: datetime, pace: float) -> None:
        self.begun, self.anew, self.pace = begun, anew, pace

    def save(self, rows: Any, fields: Iterable[str]) -> None:
        """Move the times of some rows."""
        for row in rows:
            moved = {name: getattr(row, name) for name in fields if getattr(row, name)}
            moved = {
                name: self.anew + (at - self.begun) * self.pace
                for name, at in moved.items()
            }
            type(row).objects.filter(pk=row.pk).update(**moved)


def set_days_ago(now: datetime) -> None:
    """Have accounts, templates and tokens be some days old."""
    for days, model in ((41, Account), (40, Template), (13, Token)):
        model._default_manager.update(created_at=now - timedelta(days=days))
    for version in TemplateVersion.objects.all():
        at = now - timedelta(days=40 / version.number**2)
        TemplateVersion.objects.filter(pk=version.pk).update(created_at=at)
    for hours, token in enumerate(Token.objects.order_by("name")):
        used = now - timedelta(hours=hours**3, seconds=40)
        Token.objects.filter(pk=token.pk).update(last_used_at=used)


def past_events(now: datetime) -> Iterator[Event]:
    """Yield servers that came and went: more at noon than at night."""
    for hour in range(1, DAYS * 24):
        at = now - timedelta(hours=hour)
        busy = max(0.4, 5 - abs(at.hour - NOON) * 0.6)
        if at.weekday() > 4:
            busy /= 4
        boot = 38 if hour < DAYS * 12 else 47
        for _ in range(round(_dice.gauss(busy, busy / 4))):
            ready = at + timedelta(minutes=_dice.uniform(0, 55))
            yield from past_server(ready, boot * _dice.lognormvariate(0, 0.25), now=now)


def past_server(ready: datetime, boot: float, *, now: datetime) -> Iterator[Event]:
    """Yield the life of one."""
    uid = uuid.UUID(int=_dice.getrandbits(128))
    name = f"linux-{uid.hex[:8]}"
    asked = ready - timedelta(seconds=boot)
    gone = ready + timedelta(minutes=_dice.uniform(25, 240))
    told = [
        ("requested", asked, "token:autoscaler", "", "pending", "Requested."),
        ("ready", ready, "worker", "staging", "running", "It is ready."),
        ("absence_confirmed", gone, "worker", "stopping", "stopped", "It is gone."),
    ]
    for kind, at, actor, source, target, reason in told:
        if at < now:
            yield Event(
                server_uid=uid,
                server_name=name,
                kind=kind,
                at=at,
                actor=actor,
                from_state=source,
                to_state=target,
                reason=reason,
            )


def past_boots(events: list[Event]) -> Iterator[Attempt]:
    """Yield the attempts of servers that came and went."""
    recipes = list(
        TemplateVersion.objects.select_related("template").order_by("number")
    )
    begun = {
        event.server_uid: event.at for event in events if event.kind == "requested"
    }
    for event in events:
        uid = event.server_uid
        is_past = event.server_id is None  # the others have their own attempts
        if uid is None or event.kind != "ready" or uid not in begun or not is_past:
            continue
        mine = [one for one in recipes if one.template_name == "linux"] or recipes
        recipe = mine[min(len(mine) - 1, int(event.at > events[-1].at))]
        yield Attempt(
            server_uid=uid,
            server_name=event.server_name,
            number=1,
            account=recipe.placements.all()[0].account,
            region=recipe.placements.all()[0].region,
            size=recipe.placements.all()[0].size,
            recipe=recipe,
            key=f"past-{uid}"[:63],
            token=f"past-{uid}",
            asked_at=begun[uid],
            lease_end=event.at,
            ready_at=event.at,
            instance_id=f"i-{uid.hex[:8]}",
            outcome="abandoned",
        )


def past_failures(now: datetime) -> Iterator[Attempt]:
    """Yield create calls that made nothing."""
    account = Account.objects.get(name="rack-dublin")
    kinds = ["NoCapacity"] * 9 + ["Throttled"] * 4 + ["UnknownOutcome"] * 2 + ["Quota"]
    for number, kind in enumerate(kinds * 4):
        at = now - timedelta(hours=_dice.uniform(1, DAYS * 24))
        uid = uuid.UUID(int=_dice.getrandbits(128))
        yield Attempt(
            server_uid=uid,
            server_name=f"linux-{uid.hex[:8]}",
            number=1,
            account=account,
            region=account.region,
            size="large",
            key=f"past-{number}",
            token=f"past-{number}",
            asked_at=at,
            lease_end=at,
            answered_at=at,
            closed_at=at,
            outcome="refused",
            answer_class=kind,
        )
