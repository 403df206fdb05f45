"""Boot time: from the create call until the server is ready. The one definition.

An attempt has both times: ``asked_at``, written just before its call, and
``ready_at``, written with the move to *running*. So a boot is the time that the cloud
and the instance took. Waiting before the call (for a rate limit, a closed gate, a
breaker or earlier attempts) is *queued* time, which is measured separately. An adopted
instance was not created by ServerFleet, so it has no boot time.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db.models import Count, F, Func, IntegerField, QuerySet, Window
from django.db.models.functions import RowNumber

from servers.lifecycle.states import State
from servers.models import Attempt, Server

# The period that counts as recent.
LATELY: Final = timedelta(days=7)
# Boots per template that count. More would hardly change its percentiles.
MAX_BOOTS: Final = 100
# No boot is late before this.
LEAST_LATE: Final = timedelta(seconds=60)
UNKNOWN_BOOT: Final = timedelta(seconds=90)  # if there are no figures yet
# Boots are measured in tenths of a second.
_TENTHS: Final = 10

Moves = Sequence[tuple[str, datetime]]  # the state that was reached, and when


@dataclass(frozen=True, slots=True)
class Boots:
    """Boot times in seconds; percentiles by nearest rank."""

    count: int = 0
    p50: float | None = None
    p95: float | None = None

    @property
    def usual(self) -> float | None:
        """How long a boot usually takes, as people are told."""
        return self.p50

    @property
    def late_after(self) -> timedelta:
        """How long a boot takes at least before it counts as late."""
        slow = UNKNOWN_BOOT if self.p95 is None else timedelta(seconds=self.p95)
        return max(LEAST_LATE, 2 * slow)


class Epoch(Func):
    """A time in whole Unix seconds, computed by the database."""

    output_field = IntegerField()
    template = "CAST(FLOOR(EXTRACT(EPOCH FROM %(expressions)s)) AS bigint)"

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Avoid Django's Python function, which costs a call per row."""
        template = "CAST(STRFTIME('%%%%s', %(expressions)s) AS INTEGER)"
        return super().as_sql(compiler, connection, template=template, **extra)


class Tenths(Epoch):
    """A time in tenths of a second."""

    template = "CAST(FLOOR(EXTRACT(EPOCH FROM %(expressions)s) * 10) AS bigint)"

    def as_sqlite(self, compiler: Any, connection: Any, **extra: Any) -> Any:
        """Use the Julian day, which is exact to a tenth of a millisecond."""
        template = "CAST((JULIANDAY(%(expressions)s) - 2440587.5) * 864000 AS INTEGER)"
        return Func.as_sql(self, compiler, connection, template=template, **extra)


# How long an attempt's server took to boot, in tenths of a second.
TOOK: Final = Tenths("ready_at") - Tenths("asked_at")


def record_boots(servers: Sequence[Server], *, now: datetime) -> list[float]:
    """Record when the current attempts' servers became ready; return the boot times.

    In seconds. Runs in the caller's transaction. An adopted server, which had no create
    call, has none. Two queries.
    """
    rows = Attempt.objects.filter(
        server__in=[server.pk for server in servers],
        number=F("server__attempt_number"),
    ).exclude(token="")
    asked = dict(rows.order_by().values_list("pk", "asked_at"))
    Attempt.objects.filter(pk__in=asked).update(ready_at=now)
    return [(now - at).total_seconds() for at in asked.values()]


def list_boots(since: datetime, *, template: UUID | None = None) -> QuerySet[Attempt]:
    """Return the attempts whose servers became ready since then.

    Of one template, or of all. Attempts are kept longer than their servers.
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
        .filter(newest__lte=MAX_BOOTS)
        .order_by()
        .values_list("recipe__template", "took")
    )
    return _group((key, took, 1) for key, took in rows)


PlaceKey = tuple[UUID, str, str]  # account, region and size


def read_place_boots(template: UUID, *, now: datetime) -> dict[PlaceKey, Boots]:
    """Return how long a template's recent servers took to boot, by place. One query."""
    rows = (
        list_boots(now - LATELY, template=template)
        .order_by()
        .annotate(took=TOOK)
        .values("account", "region", "size", "took")
        .annotate(count=Count("pk"))
        .values_list("account", "region", "size", "took", "count")
    )
    return _group(
        ((account, region, size), took, count)
        for account, region, size, took, count in rows
    )


def group_boots(rows: QuerySet[Attempt], by: str) -> dict[Any, Boots]:
    """Return the boot times of attempts for each value of a column. One query."""
    return _group(
        rows.order_by()
        .annotate(took=TOOK)
        .values(by, "took")
        .annotate(count=Count("pk"))
        .values_list(by, "took", "count")
    )


def _group(rows: Iterable[tuple[Any, int, int]]) -> dict[Any, Boots]:
    found: defaultdict[Any, Counter[int]] = defaultdict(Counter)
    for key, tenths, count in rows:
        found[key][tenths] += count
    return {key: summarise_boots(counts) for key, counts in found.items()}


def summarise_boots(tenths: Mapping[int, int]) -> Boots:
    """Return the percentiles of durations. ``tenths`` maps each one to its count."""
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
    """Return when the create call of a boot was sent, or None.

    ``moves`` are those of one boot, oldest first, up to its end. Of several calls the
    last counts, since the earlier ones created nothing.
    """
    calls = [at for state, at in moves if state == State.CREATING]
    return calls[-1] if calls else None
