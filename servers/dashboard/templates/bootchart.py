"""How long a template's servers took to boot, over time and by version."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db.models import Count

from servers.lifecycle.states import CLOSED
from servers.models import Attempt, Template
from servers.records.boots import Boots, Epoch, count_boots, list_boots, summarise_boots
from servers.reports.overview import Range

# How long attempts are kept; see reconciler/purge.py.
COMPARED_FOR: Final = timedelta(days=30)
MOST_VERSIONS: Final = 10


@dataclass(frozen=True, slots=True)
class Step:
    """The boots of one step of the chart."""

    at: datetime
    boots: Boots


@dataclass(frozen=True, slots=True)
class VersionBoots:
    """The boots of one version, and its create attempts that created nothing."""

    number: int
    boots: Boots
    failed: int


def load_steps(template: Template, chosen: Range, *, now: datetime) -> list[Step]:
    """Return each step of a range, including empty ones. One query."""
    seconds = int(chosen.step.total_seconds())
    last = int(now.timestamp()) // seconds
    first = last - chosen.steps + 1
    since = datetime.fromtimestamp(first * seconds, UTC)
    rows = list_boots(since, template=template.pk).annotate(
        step=Epoch("ready_at") / seconds
    )
    counts = _gather(count_boots(rows, "step"))
    return [
        Step(
            datetime.fromtimestamp(number * seconds, UTC),
            summarise_boots(counts.get(number, {})),
        )
        for number in range(first, last + 1)
    ]


def compare_boots(template: Template, *, now: datetime) -> list[VersionBoots]:
    """Return the recently used versions, newest first. Two queries."""
    since = now - COMPARED_FOR
    boots = _gather(
        count_boots(list_boots(since, template=template.pk), "recipe__number")
    )
    failed = dict(
        Attempt.objects.filter(
            recipe__template=template, closed_at__gte=since, outcome__in=CLOSED
        )
        .exclude(answer_class="")
        .order_by()
        .values_list("recipe__number")
        .annotate(Count("pk"))
    )
    numbers = sorted({*boots, *failed}, reverse=True)
    return [
        VersionBoots(
            number, summarise_boots(boots.get(number, {})), failed.get(number, 0)
        )
        for number in numbers[:MOST_VERSIONS]
    ]


def _gather(rows: list[tuple[Any, ...]]) -> dict[int, dict[int, int]]:
    """Return how often each duration occurred, by the rows' first column."""
    found: dict[int, dict[int, int]] = {}
    for key, tenths, count in rows:
        found.setdefault(key, {})[tenths] = count
    return found
