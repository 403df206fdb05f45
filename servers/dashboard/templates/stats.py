"""Recent results of templates, in a constant number of queries."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q

from servers.access.reach import reach_servers
from servers.lifecycle.states import ENDING, PROVEN_GONE, Event, State
from servers.models import Event as EventRow
from servers.records.boots import LATELY, Boots, read_boots


@dataclass(frozen=True, slots=True)
class Record:
    """One template's servers: how many are in use, became ready, or failed."""

    in_use: int = 0  # not confirmed gone
    ready: int = 0  # requested recently, and became ready
    failed: int = 0  # requested recently, and failed before they were ready
    boots: Boots = field(default_factory=Boots)

    @property
    def failure_percent(self) -> float | None:
        """Return the share that failed, or None if none finished recently."""
        tried = self.ready + self.failed
        return 100 * self.failed / tried if tried else None


def read_records(*, now: datetime, only: UUID | None = None) -> dict[Any, Record]:
    """Return the record of each template that has servers. Two queries."""
    rows = reach_servers().filter(template__isnull=False)
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
    boots = read_boots(now=now, template=only)
    return {
        row["template"]: Record(
            in_use=row["in_use"],
            ready=row["ready"],
            failed=row["failed"],
            boots=boots.get(row["template"], Boots()),
        )
        for row in counts
    }
