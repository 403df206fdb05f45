"""Whether work goes on, and if not, why: from the signs of life and the last tick.

One judgement for Overview, *why*, the metrics and the command line. Pure.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from servers.models import Fleet, Heartbeat

# Workers and scheduler say every 2.5 s that they live: three times in vain is gone.
LATE: Final = timedelta(seconds=9)
# A tick is written down every 5 s at most.
TICK_LATE: Final = timedelta(seconds=14)
# How long the write of one heartbeat may take before the database counts as slow.
SLOW_SECONDS: Final = 3.0


class Cause(StrEnum):
    """Why nothing is worked off; in the order in which one hides another."""

    BROKER = "broker"
    WORKER_HANGS = "worker-hangs"
    NO_WORKER = "no-worker"
    SLOW_DATABASE = "slow-database"
    NO_SCHEDULER = "no-scheduler"
    SCHEDULER_HANGS = "scheduler-hangs"
    NO_TICK = "no-tick"


@dataclass(frozen=True, slots=True)
class Standstill:
    """Why nothing is worked off, as a sentence, what to do, and since when."""

    cause: Cause
    sentence: str
    advice: str
    since: datetime | None = None
    detail: str = ""


def find_fresh(rows: Iterable[Heartbeat], *, now: datetime) -> list[Heartbeat]:
    """Return those that have said lately that they live."""
    return [row for row in rows if now - row.seen_at <= LATE]


def find_standstill(
    rows: Sequence[Heartbeat], fleet: Fleet, *, now: datetime
) -> Standstill | None:
    """Return why nothing is worked off; None while work goes on."""
    fresh = find_fresh(rows, now=now)
    workers = [row for row in fresh if row.kind == Heartbeat.Kind.WORKER]
    clocks = [row for row in fresh if row.kind == Heartbeat.Kind.BEAT]
    if fresh and all(row.broker_error for row in fresh):
        return Standstill(
            Cause.BROKER,
            "The broker does not answer, so no worker learns of new work.",
            "Nothing is lost. Start the broker again.",
            detail=fresh[0].broker_error,
        )
    if not workers:
        return Standstill(
            Cause.NO_WORKER,
            "No worker is online, so nothing is created, watched or destroyed.",
            "Start a worker: creates, listings and destroys then go on.",
            since=_last_seen(rows, Heartbeat.Kind.WORKER),
        )
    if all(row.trouble for row in workers):
        names = ", ".join(f"{row.name}: {row.trouble}" for row in workers[:3])
        return Standstill(
            Cause.WORKER_HANGS,
            "Every worker hangs, so nothing is created, watched or destroyed."
            if len(workers) > 1
            else "The worker hangs, so nothing is created, watched or destroyed.",
            "Its supervisor restarts it. If it goes on, look at the worker's log.",
            detail=names,
        )
    slow = min(row.database_seconds for row in fresh)
    if slow > SLOW_SECONDS:
        return Standstill(
            Cause.SLOW_DATABASE,
            "The database is slow, so everything waits for it.",
            "Look at the load of its machine, and for long transactions.",
            detail=f"It took {slow:.0f} s to write one row.",
        )
    ticked = fleet.ticked_at or fleet.created_at
    if now - ticked <= TICK_LATE:
        return None
    if not clocks:
        return Standstill(
            Cause.NO_SCHEDULER,
            "The scheduler is offline, so what is due later does not happen.",
            "Start the scheduler (celery beat).",
            since=_last_seen(rows, Heartbeat.Kind.BEAT) or ticked,
        )
    if all(row.trouble for row in clocks):
        return Standstill(
            Cause.SCHEDULER_HANGS,
            "The scheduler hangs, so what is due later does not happen.",
            "Its supervisor restarts it. If it goes on, look at its log.",
            since=ticked,
            detail=f"{clocks[0].name}: {clocks[0].trouble}",
        )
    return Standstill(
        Cause.NO_TICK,
        "Workers and scheduler are online, but no tick has run.",
        "They are too busy, or use different brokers. Look at their logs.",
        since=ticked,
    )


def _last_seen(rows: Iterable[Heartbeat], kind: str) -> datetime | None:
    return max((row.seen_at for row in rows if row.kind == kind), default=None)
