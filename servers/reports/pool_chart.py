"""A pool over time: demand, slots, and how long jobs waited. Two queries for any pool.

The slots are averages of the plans in each step. A step without a plan has none, since
nothing is known of it.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Avg, Count, IntegerField, QuerySet
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast, Coalesce

from servers.models import Pool, PoolJob, PoolPlan
from servers.records.boots import Boots, Epoch, Tenths, summarise_boots
from servers.reports.overview import Range

RANGES: Final = (
    Range("1h", "hour", timedelta(minutes=1), 60, "minute"),
    Range("24h", "24 hours", timedelta(minutes=20), 72, "20 minutes"),
    Range("7d", "7 days", timedelta(hours=2), 84, "2 hours"),
    Range("30d", "30 days", timedelta(hours=8), 90, "8 hours"),
)
# CI systems give up jobs that have waited longer.
LONGEST_WAIT: Final = timedelta(days=1)
_FIGURES: Final = ("waiting", "busy", "idle", "free", "others")
_COMPARED: Final = ("other_servers", "would")  # unknown is not 0


@dataclass(frozen=True, slots=True)
class PoolStep:
    """One step: jobs that wait and slots, and the waits of jobs that started in it.

    ``plans`` is 0 if nothing is known of the slots.
    """

    at: datetime
    plans: int = 0
    waiting: float = 0.0
    busy: float = 0.0
    idle: float = 0.0
    booting: float = 0.0  # slots of booting servers
    waits: Boots = field(default_factory=Boots)  # seconds
    # Of a dry pool: jobs and servers of others, and the servers that it would have.
    others: float = 0.0
    other_servers: float | None = None
    would: float | None = None

    @property
    def demand(self) -> float:
        """How many jobs needed a slot."""
        return self.waiting + self.busy + self.others


def find_range(name: str) -> Range:
    """Return a range by its name, or the first."""
    return next((each for each in RANGES if each.name == name), RANGES[0])


def load_pool_steps(pool: Pool, chosen: Range, *, now: datetime) -> list[PoolStep]:
    """Return each step of a range, the oldest first."""
    steps = chosen.list_steps(now)
    start = min(steps.values())
    waits = _load_waits(pool, chosen, start)
    found = {row["step"]: row for row in _load_slots(pool, chosen, start)}
    shown = []
    for number, at in steps.items():
        row = found.get(number)
        waited = waits.get(number, Boots())
        if row is None:
            shown.append(PoolStep(at, waits=waited))
            continue
        shown.append(
            PoolStep(
                at,
                row["plans"],
                row["waiting"],
                row["busy"],
                row["idle"],
                max(0.0, row["free"] - row["idle"]),
                waited,
                row["others"],
                row["other_servers"],
                row["would"],
            )
        )
    return shown


@dataclass(frozen=True, slots=True)
class Comparison:
    """Servers of others beside those that a dry pool would have had.

    Averages and server-hours of the steps in which both are known.
    """

    others: float
    would: float
    other_hours: float
    would_hours: float


def compare_steps(steps: Iterable[PoolStep], chosen: Range) -> Comparison | None:
    """Return the comparison over a range, or None if nothing is known."""
    pairs = [
        (step.other_servers, step.would)
        for step in steps
        if step.other_servers is not None and step.would is not None
    ]
    if not pairs:
        return None
    others, would = (sum(column) for column in zip(*pairs, strict=True))
    hours = chosen.seconds / 3600
    return Comparison(
        others / len(pairs), would / len(pairs), others * hours, would * hours
    )


def _load_slots(pool: Pool, chosen: Range, start: datetime) -> list[dict[str, Any]]:
    def average(name: str) -> Avg:
        return Avg(Cast(KeyTextTransform(name, "figures"), IntegerField()))

    rows = (
        PoolPlan.objects.filter(pool=pool.pk, at__gte=start)
        .annotate(step=Epoch("at") / chosen.seconds)
        .order_by()
        .values("step")
        # Plans that knew nothing have no figures, and count as no plans.
        .annotate(plans=Count(KeyTextTransform("waiting", "figures")))
        .annotate(
            **{name: Coalesce(average(name), 0.0) for name in _FIGURES},
            **{name: average(name) for name in _COMPARED},
        )
    )
    return [dict(row) for row in rows]


def _load_waits(pool: Pool, chosen: Range, start: datetime) -> dict[int, Boots]:
    rows = PoolJob.objects.filter(pool=pool.pk).annotate(
        step=Epoch("started_at") / chosen.seconds
    )
    return _group_waits(rows, "step", start)


def read_waits(*, now: datetime, lately: timedelta) -> dict[str, Boots]:
    """Return how long the jobs of each pool waited of late, by its name. One query."""
    rows = PoolJob.objects.filter(pool__isnull=False)
    return _group_waits(rows, "pool__name", now - lately)


def _group_waits(rows: QuerySet[PoolJob], by: str, start: datetime) -> dict[Any, Boots]:
    """Return how long jobs that started since then had waited, by a column."""
    counted = (
        rows.filter(started_at__gte=start, queued_at__gte=start - LONGEST_WAIT)
        # In whole seconds, so that thousands of jobs are few rows.
        .annotate(waited=(Tenths("started_at") - Tenths("queued_at")) / 10)
        .order_by()
        .values(by, "waited")
        .annotate(count=Count("pk"))
        .values_list(by, "waited", "count")
    )
    found: defaultdict[Any, Counter[int]] = defaultdict(Counter)
    for key, waited, count in counted:
        found[key][waited * 10] += count
    return {key: summarise_boots(counts) for key, counts in found.items()}
