"""The queries: what needs attention, and what the page's tag depends on."""

from datetime import datetime
from typing import Any, Final

from django.db import connection
from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
    Window,
)
from django.db.models.functions import Coalesce, Now, RowNumber

from servers.access.reach import reach_accounts, reach_servers
from servers.lifecycle.states import BOOTING, State, Verdict
from servers.messaging.standstill import LATE, SLOW_SECONDS, TICK_LATE
from servers.models import (
    Catalogue,
    Fleet,
    Heartbeat,
    Instance,
    Location,
    Server,
    Stamp,
)
from servers.records.boots import LEAST_LATE, Boots
from servers.reports.attention.backlog import describe_backlog, read_queues
from servers.reports.attention.health import describe_health
from servers.reports.attention.items import Concern, Item
from servers.reports.attention.lagging import TOGETHER, describe_servers, find_late
from servers.reports.attention.offers import describe_missing
from servers.reports.attention.places import NEVER_AFTER, describe_locations
from servers.reports.attention.processes import describe_fleet, describe_processes
from servers.reports.attention.queues import describe_queues

# If the page can change with time alone, it is rendered again this often.
BUCKET_SECONDS: Final = 5
MAX_READ: Final = 200  # servers of one kind, whatever their causes


def list_attention(
    fleet: Fleet, *, now: datetime, boots: Boots | None = None
) -> list[Item]:
    """Return everything that needs attention, worst first.

    Eight queries, or ten if a cloud no longer has what templates name.
    """
    items = [*describe_fleet(fleet, now=now)]
    items += describe_processes(Heartbeat.objects.all(), fleet, now=now)
    locations: list[Any] = list(_load_locations())
    items += describe_locations(locations, now=now)
    items += describe_health(locations, now=now)
    queues, recent = read_queues(locations, fleet, now=now)
    items, told = describe_backlog(items, queues, recent, now=now)
    if any(location.doubts for location in locations):
        items += describe_missing()
    items += describe_queues()
    items += describe_servers(_load_servers(boots or Boots(), now=now), told=told)
    order = list(Concern)
    # An account with two locations yields the same item twice.
    unique: dict[str, Item] = {}
    for item in items:
        unique.setdefault(item.key, item)
    return sorted(
        unique.values(), key=lambda item: (item.tone != "bad", order.index(item.kind))
    )


def _load_locations() -> "QuerySet[Location]":
    unexplained = _count_here(Q(verdict=Verdict.UNEXPLAINED, condemned_at__isnull=True))
    doubts = Catalogue.objects.filter(
        account=OuterRef("account"), region=OuterRef("region")
    )
    orphans = _count_here(Q(verdict__in=[Verdict.ORPHAN, Verdict.DOUBLE]))
    return (
        Location.objects.select_related("account")
        .annotate(
            unexplained=unexplained,
            orphans=orphans,
            doubts=Coalesce(Subquery(doubts.values("doubts")[:1]), 0),
        )
        .order_by("account__name", "region")
    )


def _count_here(condition: Q) -> Coalesce:
    return _number(
        Instance.objects.filter(
            condition, account=OuterRef("account"), region=OuterRef("region"), live=True
        ).order_by()
    )


def _troubled(now: Any) -> Q:
    """Return the condition for errors, and servers that have not moved for a while."""
    return Q(state=State.ERROR) | Q(
        state__in=[*BOOTING, State.SHUTDOWN, State.STOPPING],
        state_since__lt=now - LEAST_LATE,
    )


def _load_servers(boots: Boots, *, now: datetime) -> list[Server]:
    """Return the failed and late servers that have waited longest, some per cause.

    Two queries, so that many of one kind leave room for the other.
    """
    late = Q(pk__in=[])
    for state, since in find_late(boots, now=now).items():
        late |= Q(state=state, state_since__lt=since) & _is_overdue(state, since)
    return [*_load_longest(Q(state=State.ERROR)), *_load_longest(late)]


def _is_overdue(state: State, since: datetime) -> Q:
    """Return what else makes a server late. A drain is not, while looks follow it."""
    return Q(next_step_at__lt=since) if state is State.SHUTDOWN else Q()


def _load_longest(which: Q) -> "QuerySet[Server]":
    words = Case(When(state=State.ERROR, then=F("error")), default=F("waiting"))
    alike: dict[str, Any] = {"partition_by": [F("state"), F("account"), words]}
    oldest = [F("state_since").asc(), F("id").asc()]
    return (
        reach_servers()
        .filter(which, hidden=False)
        .annotate(
            turn=Window(RowNumber(), order_by=oldest, **alike),
            total=Window(Count("id"), **alike),
            in_all=Window(Count("id")),
        )
        .filter(turn__lt=TOGETHER)
        .select_related("account")
        .order_by("state_since", "id")[:MAX_READ]
    )


def read_moment() -> tuple[object, ...] | None:
    """Return what all this depends on, time included, for a page's tag. One query.

    The stamp moves with everything that is written. The rest covers what is not: a
    process that stopped responding, a listing or a boot that gets old. While one of
    these is possible, the database's time is included, in steps. None inside a
    transaction, as for stamps.
    """
    if connection.in_atomic_block:
        return None
    late = Now() - LATE
    fresh = Heartbeat.objects.order_by().filter(seen_at__gte=late)
    waiting = reach_servers().filter(
        _troubled(Now()) | Q(state=State.PENDING), hidden=False
    )
    held = reach_accounts().order_by().filter(breaker_until__gt=Now())
    locations = Location.objects.filter(
        Q(compared_at__isnull=True) | Q(compared_at__lt=Now() - NEVER_AFTER)
    )
    row = (
        Stamp.objects.filter(pk=1)
        .annotate(
            moment=Now(),
            workers=_number(fresh.filter(kind=Heartbeat.Process.WORKER)),
            clocks=_number(fresh.filter(kind=Heartbeat.Process.BEAT)),
            known=_number(Heartbeat.objects.order_by()),
            failing=_number(fresh.exclude(broker_error="")),
            hanging=_number(fresh.exclude(trouble="")),
            slow=_number(fresh.filter(database_seconds__gt=SLOW_SECONDS)),
            held=_number(held),
            late_tick=Exists(Fleet.objects.filter(ticked_at__lt=Now() - TICK_LATE)),
            in_doubt=Exists(waiting.exclude(state=State.ERROR)) | Exists(locations),
        )
        .values_list(
            *("pages", "workers", "clocks", "known", "failing", "hanging", "slow"),
            *("held", "late_tick", "in_doubt", "moment"),
        )
        .first()
    )
    if row is None:
        return ()
    *known, in_doubt, moment = row
    step = int(moment.timestamp() // BUCKET_SECONDS) if in_doubt else 0
    return (*known, step)


def _number(rows: "QuerySet[Any]") -> Coalesce:
    counted = rows.annotate(none=Value(0)).values("none").annotate(count=Count("pk"))
    return Coalesce(Subquery(counted.values("count"), output_field=IntegerField()), 0)
