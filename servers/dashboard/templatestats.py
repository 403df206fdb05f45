"""How templates do of late: constant queries, for any number of templates."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Window
from django.db.models.functions import RowNumber

from servers.ledger import Kind
from servers.lifecycle.states import ENDING, PROVEN_GONE, Event, State
from servers.models import Event as EventRow
from servers.models import Server

LATELY: Final = timedelta(days=7)
# Of each template; more would move its p50 by little.
BOOTS: Final = 100


@dataclass(frozen=True, slots=True)
class Record:
    """One template's: servers that are not proven gone, and what became of others."""

    in_use: int = 0
    ready: int = 0  # asked for lately, and became ready
    failed: int = 0  # asked for lately, and given up
    p50: float | None = None  # seconds from the request to ready
    p95: float | None = None

    @property
    def failure_percent(self) -> float | None:
        """The share that failed; None where nothing was decided lately."""
        tried = self.ready + self.failed
        return 100 * self.failed / tried if tried else None


def read_records(*, now: datetime, only: UUID | None = None) -> dict[Any, Record]:
    """Return the record of each template that has servers. Two queries."""
    rows = Server.objects.filter(template__isnull=False)
    if only is not None:
        rows = rows.filter(template=only)
    lately = Q(created_at__gt=now - LATELY)
    events = EventRow.objects.filter(server=OuterRef("pk"), kind=Event.READY)
    ready = Q(Exists(events))
    failed = Q(state__in=ENDING | {State.ERROR}) & ~Q(error="") & ~ready
    counts = (
        rows.order_by()
        .values("template")
        .annotate(
            in_use=Count("pk", filter=~Q(state__in=PROVEN_GONE)),
            ready=Count("pk", filter=lately & ready),
            failed=Count("pk", filter=lately & failed),
        )
    )
    boots = _list_boots(now - LATELY, only)
    return {
        row["template"]: Record(
            row["in_use"], row["ready"], row["failed"], *_cut(boots, row["template"])
        )
        for row in counts
    }


def _list_boots(since: datetime, only: UUID | None) -> dict[Any, list[float]]:
    """Return the seconds from each request, or retry, until its server was ready."""
    rows = EventRow.objects.filter(
        kind=Event.READY, server__created_at__gt=since, server__template__isnull=False
    )
    if only is not None:
        rows = rows.filter(server__template=only)
    begun = EventRow.objects.filter(
        server=OuterRef("server"),
        kind__in=[Kind.REQUESTED, Event.RETRY_REQUESTED, Kind.ADOPTED],
        id__lt=OuterRef("id"),
    ).order_by("-id")
    newest = Window(
        RowNumber(), partition_by=[F("server__template")], order_by=F("id").desc()
    )
    found: dict[Any, list[float]] = {}
    for template, asked, ready in (
        rows.annotate(newest=newest, asked=Subquery(begun.values("at")[:1]))
        .filter(newest__lte=BOOTS, asked__isnull=False)
        .order_by()
        .values_list("server__template", "asked", "at")
    ):
        found.setdefault(template, []).append((ready - asked).total_seconds())
    return found


def _cut(
    boots: dict[Any, list[float]], template: Any
) -> tuple[float | None, float | None]:
    """Return the middle of the times, and what one in twenty exceeds."""
    times = boots.get(template, [])
    if not times:
        return None, None
    cuts = quantiles([*times, *times], n=20, method="inclusive")
    return cuts[9], cuts[18]
