"""Tell from the heartbeats and the last tick whether work proceeds, and if not, why.

Pure. Overview, *why*, the metrics and the command line all use this one judgement.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from servers.models import Fleet, Heartbeat

# Heartbeats come every 2.5 s. A process that misses three counts as offline.
LATE: Final = timedelta(seconds=9)
# The time of a tick is written at most every 5 s.
TICK_LATE: Final = timedelta(seconds=14)
# If writing one heartbeat takes longer, the database counts as slow.
SLOW_SECONDS: Final = 3.0


class Cause(StrEnum):
    """Why no work is done. An earlier cause hides the later ones."""

    BROKER = "broker"
    WORKER_HANGS = "worker-hangs"
    NO_WORKER = "no-worker"
    SLOW_DATABASE = "slow-database"
    NO_SCHEDULER = "no-scheduler"
    SCHEDULER_HANGS = "scheduler-hangs"
    NO_TICK = "no-tick"


@dataclass(frozen=True, slots=True)
class Standstill:
    """Why no work is done, as a sentence, what to do, and since when."""

    cause: Cause
    sentence: str
    advice: str
    since: datetime | None = None
    detail: str = ""


def find_fresh(rows: Iterable[Heartbeat], *, now: datetime) -> list[Heartbeat]:
    """Return the heartbeats that are recent enough."""
    return [row for row in rows if now - row.seen_at <= LATE]


def find_standstill(
    rows: Sequence[Heartbeat], fleet: Fleet, *, now: datetime
) -> Standstill | None:
    """Return why no work is done; None while work proceeds."""
    fresh = find_fresh(rows, now=now)
    workers = [row for row in fresh if row.kind == Heartbeat.Process.WORKER]
    clocks = [row for row in fresh if row.kind == Heartbeat.Process.BEAT]
    if fresh and all(row.broker_error for row in fresh):
        return Standstill(
            Cause.BROKER,
            "The broker does not respond, so no worker receives new work.",
            "Nothing is lost. Restart the broker.",
            detail=fresh[0].broker_error,
        )
    if not workers:
        return Standstill(
            Cause.NO_WORKER,
            "No worker is online, so nothing is created, watched or destroyed.",
            "Start a worker. Creates, listings and destroys then continue.",
            since=_last_seen(rows, Heartbeat.Process.WORKER),
        )
    if all(row.trouble for row in workers):
        names = ", ".join(f"{row.name}: {row.trouble}" for row in workers[:3])
        return Standstill(
            Cause.WORKER_HANGS,
            "Every worker hangs, so nothing is created, watched or destroyed."
            if len(workers) > 1
            else "The worker hangs, so nothing is created, watched or destroyed.",
            "Its supervisor restarts it. If it hangs again, check the worker's log.",
            detail=names,
        )
    slow = min(row.database_seconds for row in fresh)
    if slow > SLOW_SECONDS:
        return Standstill(
            Cause.SLOW_DATABASE,
            "The database is slow, so everything waits for it.",
            "Check the load of its machine, and look for long transactions.",
            detail=f"Writing one row took {slow:.0f} s.",
        )
    ticked = fleet.ticked_at or fleet.created_at
    if now - ticked <= TICK_LATE:
        return None
    if not clocks:
        return Standstill(
            Cause.NO_SCHEDULER,
            "The scheduler is offline, so nothing looks for work that is due.",
            "Start the scheduler (celery beat).",
            since=_last_seen(rows, Heartbeat.Process.BEAT) or ticked,
        )
    if all(row.trouble for row in clocks):
        return Standstill(
            Cause.SCHEDULER_HANGS,
            "The scheduler hangs, so nothing looks for work that is due.",
            "Its supervisor restarts it. If it hangs again, check its log.",
            since=ticked,
            detail=f"{clocks[0].name}: {clocks[0].trouble}",
        )
    return Standstill(
        Cause.NO_TICK,
        "Workers and scheduler are online, but no tick has run.",
        "They are too busy, or use different brokers. Check their logs.",
        since=ticked,
    )


def _last_seen(rows: Iterable[Heartbeat], kind: str) -> datetime | None:
    return max((row.seen_at for row in rows if row.kind == kind), default=None)
