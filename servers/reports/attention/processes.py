"""The fleet's switches, and the processes that do the work."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from servers.messaging.standstill import LATE, Cause, find_fresh, find_standstill
from servers.models import Fleet, Heartbeat
from servers.placing.location_gate import is_confirmed
from servers.reports.attention.items import Concern, Item

LOST_FOR: Final = timedelta(minutes=30)  # how long a lost worker is reported
# A process may start slightly before the last heartbeat of the one that it replaces.
OVERLAP: Final = timedelta(seconds=1)


def describe_fleet(fleet: Fleet, *, now: datetime) -> Iterator[Item]:
    """Yield the items about the fleet's confirmation and its switches."""
    if not is_confirmed(fleet):
        yield Item(
            Concern.UNCONFIRMED,
            "This database is not where the fleet was confirmed. It may be a copy or a "
            "restored backup. Nothing is created or destroyed until you confirm it.",
            detail="Run `manage.py fleet confirm`, or `manage.py fleet confirm "
            "--new-id` if the original database is still in use.",
        )
    if fleet.destroys_frozen:
        yield Item(
            Concern.FROZEN,
            "Destroying is frozen for the whole fleet. Servers waiting to terminate "
            "keep billing.",
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
            Concern.PAUSED,
            f"The pause flag is set{by}{until}. Requested servers are still created.",
            tone="warn",
            detail=fleet.paused_note,
        )


_KINDS: Final = {
    Cause.BROKER: Concern.BROKER,
    Cause.NO_WORKER: Concern.NO_WORKER,
    Cause.WORKER_HANGS: Concern.HANGING,
    Cause.SLOW_DATABASE: Concern.SLOW_DATABASE,
    Cause.NO_SCHEDULER: Concern.NO_BEAT,
    Cause.SCHEDULER_HANGS: Concern.HANGING,
    Cause.NO_TICK: Concern.NO_TICK,
}


def describe_processes(
    beats: Iterable[Heartbeat], fleet: Fleet, *, now: datetime
) -> Iterator[Item]:
    """Yield items about workers, scheduler or broker that are missing or hanging."""
    rows = list(beats)
    fresh = find_fresh(rows, now=now)
    standstill = find_standstill(rows, fleet, now=now)
    if standstill is not None:
        yield Item(
            _KINDS[standstill.cause],
            f"{standstill.sentence} {standstill.advice}",
            detail=standstill.detail,
            since=standstill.since,
        )
    failing = [row for row in fresh if row.broker_error]
    if failing and len(failing) < len(fresh):
        yield Item(
            Concern.BROKER,
            f"The broker does not respond to {failing[0].name}, but does to others. "
            "Nothing is lost. Check the network between the two.",
            detail=failing[0].broker_error,
        )
    hanging = [row for row in fresh if row.trouble]
    if hanging and (standstill is None or standstill.cause != Cause.WORKER_HANGS):
        yield from _describe_hanging(hanging)
    if not any(row.kind == Heartbeat.Process.BEAT for row in fresh) and (
        standstill is None or standstill.cause != Cause.NO_SCHEDULER
    ):
        yield Item(
            Concern.NO_BEAT,
            "The scheduler is offline, so nothing looks for work that is due. "
            "Start the scheduler (celery beat).",
            since=max(
                (row.seen_at for row in rows if row.kind == "beat"), default=None
            ),
        )
    if any(row.kind == Heartbeat.Process.WORKER for row in fresh):
        yield from _describe_lost(rows, now=now)


def _describe_hanging(hanging: Sequence[Heartbeat]) -> Iterator[Item]:
    """Yield the processes that run but do no work, while others do."""
    yield Item(
        Concern.HANGING,
        f"{_name(hanging)} {'hangs' if len(hanging) == 1 else 'hang'}. A supervisor "
        "restarts hanging processes. Without one, restart them yourself.",
        tone="warn",
        detail=hanging[0].trouble,
    )


def _describe_lost(rows: Sequence[Heartbeat], *, now: datetime) -> Iterator[Item]:
    """Yield workers that stopped responding and have not been replaced."""
    workers = sorted(
        (row for row in rows if row.kind == Heartbeat.Process.WORKER),
        key=lambda row: row.started_at,
    )
    # A worker that started after the last heartbeat of another replaces it, but only
    # that one. This holds even if it has since stopped and been replaced itself.
    begun = list(workers)
    lost = []
    for row in sorted(workers, key=lambda row: row.seen_at):
        if now - row.seen_at <= LATE:
            continue
        successor = next(
            (each for each in begun if each.started_at >= row.seen_at - OVERLAP), None
        )
        if successor is not None:
            begun.remove(successor)
        elif now - row.seen_at < LOST_FOR:
            lost.append(row)
    if lost:
        lost.reverse()
        yield Item(
            Concern.LOST_WORKER,
            f"{_name(lost)} stopped responding, and no worker has taken "
            f"{'its' if len(lost) == 1 else 'their'} place. The others continue with "
            f"{'its' if len(lost) == 1 else 'their'} servers.",
            tone="warn",
            since=lost[0].seen_at,
        )


def _name(rows: Sequence[Heartbeat]) -> str:
    more = f" and {len(rows) - 3} more" if len(rows) > 3 else ""
    return ", ".join(row.name for row in rows[:3]) + more
