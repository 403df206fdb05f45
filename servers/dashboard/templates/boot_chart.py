"""How long a template's servers took to boot, over time and by version."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count

from servers.lifecycle.states import CLOSED
from servers.models import Attempt, Template
from servers.records.boots import Boots, Epoch, group_boots, list_boots
from servers.reports.overview import Range

# How long attempts are kept; see reconciler/purge.py.
COMPARED_FOR: Final = timedelta(days=30)
MAX_VERSIONS: Final = 10


@dataclass(frozen=True, slots=True)
class BootColumn:
    """The boots of one step of the chart."""

    at: datetime
    boots: Boots


@dataclass(frozen=True, slots=True)
class VersionBoots:
    """The boots of one version, and its create attempts that created nothing."""

    number: int
    boots: Boots
    failed: int


def load_steps(template: Template, chosen: Range, *, now: datetime) -> list[BootColumn]:
    """Return each step of a range, including empty ones. One query."""
    steps = chosen.list_steps(now)
    rows = list_boots(min(steps.values()), template=template.pk).annotate(
        step=Epoch("ready_at") / chosen.seconds
    )
    boots = group_boots(rows, "step")
    return [BootColumn(at, boots.get(number, Boots())) for number, at in steps.items()]


def compare_boots(template: Template, *, now: datetime) -> list[VersionBoots]:
    """Return the recently used versions, newest first. Two queries."""
    since = now - COMPARED_FOR
    boots = group_boots(list_boots(since, template=template.pk), "recipe__number")
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
        VersionBoots(number, boots.get(number, Boots()), failed.get(number, 0))
        for number in numbers[:MAX_VERSIONS]
    ]
