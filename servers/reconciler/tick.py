"""The tick: send hints for everything due. Several ticks can run at the same time."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from servers.messaging import dispatch
from servers.models import Fleet, Instance, Location, Pool, Queue, Server
from servers.operations.fleet import resume_due
from servers.records.ledger import database_now

# How many rows of a kind one tick sends hints for. The next tick takes the next ones.
BATCH = 200
HEARTBEAT = timedelta(seconds=5)
# What is due next, by its column.
_DUE = (
    (Server, "next_step_at"),
    (Location, "next_listing_at"),
    (Instance, "next_step_at"),
    (Queue, "next_read_at"),
    (Queue, "read_after"),
    (Queue, "refused_until"),
    (Queue, "lease_until"),  # what its holder writes later is told by the fence
    (Pool, "next_plan_at"),
)


def tick() -> int:
    """Send hints for all due rows; return how many rows. A handful of queries."""
    now = database_now()
    last = Fleet.objects.values_list("ticked_at", flat=True).first()
    is_time = last is None or abs(now - last) > HEARTBEAT
    if is_time and Fleet.objects.filter(ticked_at=last).update(ticked_at=now):
        if last is not None and last > now:
            _follow_clock(now)
        resume_due(now)
    return (
        _hint_servers(now)
        + _hint_locations(now)
        + _hint_instances(now)
        + _hint_queues(now)
        + _hint_pools(now)
    )


def _follow_clock(now: datetime) -> None:
    """Make due what lies ahead, since the database's clock was set back.

    Else everything would stand still for as long as the clock was wrong. What comes too
    early finds nothing to do, and is due again at its time.
    """
    for model, column in _DUE:
        ahead = {f"{column}__gt": now}
        model._default_manager.filter(**ahead).update(**{column: now})  # noqa: SLF001


def _hint_servers(now: datetime) -> int:
    # In turns, one of each account, so that ten thousand due rows of one account don't
    # delay the others.
    turn = Window(
        RowNumber(), partition_by=[F("account")], order_by=F("next_step_at").asc()
    )
    due = Server.objects.filter(_is_free(now)).annotate(turn=turn)
    return _hint(dispatch.ADVANCE, due, "next_step_at", now, first="turn")


def _hint_locations(now: datetime) -> int:
    due = Location.objects.filter(_is_free(now))
    return _hint(dispatch.OBSERVE, due, "next_listing_at", now)


def _hint_instances(now: datetime) -> int:
    due = Instance.objects.filter(live=True, condemned_at__isnull=False)
    return _hint(dispatch.DESTROY, due, "next_step_at", now)


def _hint_queues(now: datetime) -> int:
    due = Queue.objects.filter(_is_free(now), enabled=True)
    return _hint(dispatch.READ, due, "next_read_at", now)


def _hint_pools(now: datetime) -> int:
    due = _take_due(Pool.objects.filter(enabled=True), "next_plan_at", now)
    dispatch.hint_together(dispatch.PLAN, due)
    return len(due)


def _is_free(now: datetime) -> Q:
    return Q(lease_until__isnull=True) | Q(lease_until__lte=now)


def _hint(
    task: str, rows: QuerySet[Any], column: str, now: datetime, *, first: str = ""
) -> int:
    """Send a hint for each row of a batch."""
    due = _take_due(rows, column, now, first=first)
    for pk in due:
        dispatch.hint(task, pk)
    return len(due)


def _take_due(
    rows: QuerySet[Any], column: str, now: datetime, *, first: str = ""
) -> list[Any]:
    """Return a batch of due rows, which are due again later if they are left."""
    is_due = {f"{column}__lte": now}
    order = [first, column] if first else [column]
    due = list(
        rows.filter(**is_due).order_by(*order).values_list("pk", flat=True)[:BATCH]
    )
    if due:
        # Only rows still due: an operation may have rescheduled some meanwhile.
        rows.model._default_manager.filter(pk__in=due, **is_due).update(  # noqa: SLF001
            **{column: now + dispatch.AGAIN}
        )
    return due
