"""How templates do of late: constant queries, for any number of templates."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, OuterRef, Q

from servers.boots import LATELY, Boots, read_boots
from servers.lifecycle.states import ENDING, PROVEN_GONE, Event, State
from servers.models import Event as EventRow
from servers.models import Server


@dataclass(frozen=True, slots=True)
class Record:
    """One template's: servers that are not proven gone, and what became of others."""

    in_use: int = 0
    ready: int = 0  # asked for lately, and became ready
    failed: int = 0  # asked for lately, and given up
    boots: Boots = field(default_factory=Boots)

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
