"""The fleet's own row, and the processes that do the work."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from servers.attention.items import Item, Kind
from servers.gates import is_confirmed
from servers.heartbeats import LATE
from servers.models import Fleet, Heartbeat

# A tick is written down every 5 s at most.
TICK_LATE: Final = timedelta(seconds=20)
LOST_FOR: Final = timedelta(minutes=30)  # how long a lost worker is spoken of


def describe_fleet(fleet: Fleet, *, now: datetime) -> Iterator[Item]:
    """Yield what the fleet's own row tells: its confirmation and its switches."""
    if not is_confirmed(fleet):
        yield Item(
            Kind.UNCONFIRMED,
            "This database is not where the fleet was confirmed: a copy or a restored "
            "backup? Until a person says so, nothing is created or destroyed.",
            detail="Run `manage.py fleet confirm`, or `manage.py fleet confirm "
            "--new-id` where the database it was copied from lives on.",
        )
    if fleet.destroys_frozen:
        yield Item(
            Kind.FROZEN,
            "Destroying is frozen for the whole fleet. Servers whose end was asked "
            "for wait, and go on billing.",
            tone="warn",
            detail=fleet.destroys_frozen_note,
        )
    if fleet.paused and (fleet.paused_until is None or fleet.paused_until > now):
        by = f" by {fleet.paused_by}" if fleet.paused_by else ""
        until = (
            f" until {fleet.paused_until:%-d %B %Y, %H:%M} UTC"
            if fleet.paused_until
            else ""
        )
        yield Item(
            Kind.PAUSED,
            f"Automatic creation was paused{by}{until}.",
            tone="warn",
            detail=fleet.paused_note,
        )


def describe_processes(
    beats: Iterable[Heartbeat], fleet: Fleet, *, now: datetime
) -> Iterator[Item]:
    """Yield which process is missing: a worker, the beat, or the broker."""
    rows = list(beats)
    fresh = [row for row in rows if now - row.seen_at <= LATE]
    workers = [row for row in fresh if row.kind == Heartbeat.Kind.WORKER]
    clocks = [row for row in fresh if row.kind == Heartbeat.Kind.BEAT]
    ticked = fleet.ticked_at or fleet.created_at
    failing = [row for row in fresh if row.broker_error]
    if failing:
        yield Item(
            Kind.BROKER,
            "The broker does not answer. Nothing is lost, and nothing moves until it "
            "is back: start it again."
            if len(failing) == len(fresh)
            else f"The broker does not answer {failing[0].name} and answers others. "
            "Nothing is lost: look at the network between the two.",
            detail=failing[0].broker_error,
        )
    if not workers:
        last = max((row.seen_at for row in rows if row.kind == "worker"), default=None)
        yield Item(
            Kind.NO_WORKER,
            "No worker is heard of, so nothing is created, watched or destroyed. "
            "Start one.",
            since=last,
        )
    if not clocks:
        last = max((row.seen_at for row in rows if row.kind == "beat"), default=None)
        yield Item(
            Kind.NO_BEAT,
            "No beat is heard of: without its ticks only what is asked for now moves. "
            "Start one.",
            since=last,
        )
    if workers and clocks and not failing and now - ticked > TICK_LATE:
        yield Item(
            Kind.NO_TICK,
            "Workers and beat are there, and no tick has run: they are too busy, or "
            "listen to different brokers. Look at their logs.",
            since=ticked,
        )
    if workers:
        yield from _describe_lost(rows, fresh, now=now)


def _describe_lost(
    rows: Sequence[Heartbeat], fresh: Sequence[Heartbeat], *, now: datetime
) -> Iterator[Item]:
    """Yield the workers that fell silent and that no later one has replaced."""
    begun = sorted(
        (row.started_at for row in fresh if row.kind == Heartbeat.Kind.WORKER),
        reverse=True,
    )
    silent = sorted(
        (
            row
            for row in rows
            if row.kind == Heartbeat.Kind.WORKER and LATE < now - row.seen_at < LOST_FOR
        ),
        key=lambda row: row.seen_at,
        reverse=True,
    )
    lost = []
    for row in silent:
        # One that has begun since stands in for one that is gone.
        if begun and begun[0] >= row.seen_at - timedelta(seconds=1):
            begun.pop(0)
        else:
            lost.append(row)
    if lost:
        names = ", ".join(row.name for row in lost[:3])
        more = f" and {len(lost) - 3} more" if len(lost) > 3 else ""
        yield Item(
            Kind.LOST_WORKER,
            f"{names}{more} fell silent without a word, and no worker has begun "
            "since. The others go on with its servers.",
            tone="warn",
            since=lost[0].seen_at,
        )
