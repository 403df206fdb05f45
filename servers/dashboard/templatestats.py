"""How templates do of late: constant queries, for any number of templates."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import quantiles
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Window
from django.db.models.functions import RowNumber

from servers.lifecycle.states import ENDING, PROVEN_GONE, State
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
    failed = Q(started_at=None, state__in=ENDING | {State.ERROR}) & ~Q(error="")
    counts = (
        rows.order_by()
        .values("template")
        .annotate(
            in_use=Count("pk", filter=~Q(state__in=PROVEN_GONE)),
            ready=Count("pk", filter=lately & Q(started_at__isnull=False)),
            failed=Count("pk", filter=lately & failed),
        )
    )
    boots = _list_boots(rows.filter(lately))
    return {
        row["template"]: Record(
            row["in_use"], row["ready"], row["failed"], *_cut(boots, row["template"])
        )
        for row in counts
    }


def _list_boots(rows: QuerySet[Server]) -> dict[Any, list[float]]:
    newest = Window(
        RowNumber(), partition_by=[F("template")], order_by=F("started_at").desc()
    )
    found: dict[Any, list[float]] = {}
    for template, asked, ready in (
        rows.filter(started_at__isnull=False)
        .annotate(newest=newest)
        .filter(newest__lte=BOOTS)
        .order_by()
        .values_list("template", "created_at", "started_at")
    ):
        assert ready is not None
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
