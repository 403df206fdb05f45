"""Boot time: from the create call until the server is ready. The one definition.

An attempt knows both moments: ``asked_at``, written just before its call, and
``ready_at``, written with the move to *running*. So a boot is the time that the cloud
and the machine took. What a server waits for before its call (a rate of ours, a closed
gate, a breaker, earlier attempts) is *queued* time, and told apart. An instance that a
person adopted had no call of ours, and has no boot time.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import (
    Count,
    F,
    Func,
    IntegerField,
    QuerySet,
    Window,
)
from django.db.models.functions import RowNumber

from servers.lifecycle.states import State
from servers.models import Attempt, Server

# What "usual" and "of late" look back on.
LATELY: Final = timedelta(days=7)
# Boots of one template that count; more would move its percentiles by little.
MOST_BOOTS: Final = 100
# Boots are told apart to a tenth of a second.
_TENTHS: Final = 10

Moves = Sequence[tuple[str, datetime]]  # the state that was reached, and when


@dataclass(frozen=True, slots=True)
class Boots:
    """How long some boots took, in seconds; percentiles by nearest rank."""

    count: int = 0
    p50: float | None = None
    p95: float | None = None


class Epoch(Func):
    """A time in whole Unix seconds, by the database's own means."""

    output_field = IntegerField()
    template = "CAST(FLOOR(EXTRACT(EPOCH FROM %(expressions)s)) AS bigint)"

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Without Django's function in Python, which costs a call for each row."""
        template = "CAST(STRFTIME('%%%%s', %(expressions)s) AS INTEGER)"
        return super().as_sql(compiler, connection, template=template, **extra)


class Tenths(Epoch):
    """A time in tenths of a second."""

    template = "CAST(FLOOR(EXTRACT(EPOCH FROM %(expressions)s) * 10) AS bigint)"

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """As above; a Julian day is exact to a tenth of a millisecond."""
        template = "CAST((JULIANDAY(%(expressions)s) - 2440587.5) * 864000 AS INTEGER)"
        return Func.as_sql(self, compiler, connection, template=template, **extra)


# How long an attempt's server took to boot, in tenths of a second.
TOOK: Final = Tenths("ready_at") - Tenths("asked_at")


def record_boot(server: Server, *, now: datetime) -> float | None:
    """Write when the current attempt's server became ready; return the boot's seconds.

    In the caller's transaction. None where no call of ours was made: it was adopted.
    """
    rows = Attempt.objects.filter(
        server_uid=server.pk, number=server.attempt_number
    ).exclude(token="")
    asked: datetime | None = rows.values_list("asked_at", flat=True).first()
    if asked is None:
        return None
    rows.update(ready_at=now)
    return (now - asked).total_seconds()


def list_boots(since: datetime, *, template: UUID | None = None) -> QuerySet[Attempt]:
    """Return the attempts whose servers became ready since then, of a template or all.

    Their history outlives the servers.
    """
    rows = Attempt.objects.filter(ready_at__gte=since)
    return rows if template is None else rows.filter(recipe__template=template)


def read_boots(*, now: datetime, template: UUID | None = None) -> dict[UUID, Boots]:
    """Return how long each template's recent servers took to boot. One query."""
    newest = Window(
        RowNumber(),
        partition_by=[F("recipe__template")],
        order_by=F("ready_at").desc(),
    )
    rows = (
        list_boots(now - LATELY, template=template)
        .filter(recipe__template__isnull=False)
        .annotate(newest=newest, took=TOOK)
        .filter(newest__lte=MOST_BOOTS)
        .order_by()
        .values_list("recipe__template", "took")
    )
    found: dict[UUID, dict[int, int]] = {}
    for key, took in rows:
        counts = found.setdefault(key, {})
        counts[took] = counts.get(took, 0) + 1
    return {key: summarise_boots(counts) for key, counts in found.items()}


def count_boots(rows: QuerySet[Attempt], *by: str) -> list[tuple[Any, ...]]:
    """Return ``(*by, tenths, count)`` of boots, grouped by the database."""
    return list(
        rows.order_by()
        .annotate(took=TOOK)
        .values(*by, "took")
        .annotate(count=Count("pk"))
        .values_list(*by, "took", "count")
    )


def summarise_boots(tenths: Mapping[int, int]) -> Boots:
    """Return the percentiles of durations, given as how often each was."""
    count = sum(tenths.values())
    if not count:
        return Boots()
    pairs = sorted(tenths.items())
    return Boots(
        count, _percentile(pairs, count, 0.50), _percentile(pairs, count, 0.95)
    )


def _percentile(pairs: Iterable[tuple[int, int]], count: int, share: float) -> float:
    rank, seen = math.ceil(count * share), 0
    for tenths, number in pairs:
        seen += number
        if seen >= rank:
            return tenths / _TENTHS
    raise AssertionError("the counts are fewer than their sum")


def find_call(moves: Moves) -> datetime | None:
    """Return when the create call was sent that a boot is counted from, if any was.

    ``moves`` are those of one boot, oldest first, up to its end: of several calls the
    last counts, since what came before made nothing.
    """
    calls = [at for state, at in moves if state == State.CREATING]
    return calls[-1] if calls else None
