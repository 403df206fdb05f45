"""The figures of the overview, from the history, in one query for any fleet.

Each process keeps them for some seconds, since many tabs request the same.
"""

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.db.models import (
    Case,
    CharField,
    Count,
    Exists,
    F,
    OuterRef,
    Q,
    QuerySet,
    Value,
    When,
)

from servers.lifecycle.states import CLOSED
from servers.lifecycle.states import Event as Happening
from servers.models import Attempt, Event
from servers.records.boots import TOOK, Boots, Epoch, list_boots, summarise_boots

KEPT_SECONDS: Final = 5.0
WEEK: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Range:
    """How far a chart looks back, and in what steps."""

    name: str
    label: str
    step: timedelta
    steps: int
    unit: str  # what a step is called

    @property
    def seconds(self) -> int:
        """How long a step is."""
        return int(self.step.total_seconds())

    def list_steps(self, now: datetime) -> dict[int, datetime]:
        """Return the number of each step up to now, and when it began."""
        last = int(now.timestamp()) // self.seconds
        return {
            number: datetime.fromtimestamp(number * self.seconds, UTC)
            for number in range(last - self.steps + 1, last + 1)
        }


RANGES: Final = (
    Range("24h", "24 hours", timedelta(hours=1), 24, "hour"),
    Range("7d", "7 days", timedelta(hours=6), 28, "6 hours"),
    Range("30d", "30 days", timedelta(days=1), 30, "day"),
)


@dataclass(frozen=True, slots=True)
class Column:
    """One step of the chart."""

    at: datetime
    created: int = 0
    destroyed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class Overview:
    """The figures of one range."""

    range: Range
    steps: tuple[Column, ...] = ()
    boots: Boots = field(default_factory=Boots)  # of the last seven days
    before: Boots = field(default_factory=Boots)  # of the seven before them
    failures: tuple[tuple[str, int], ...] = ()  # by the class of the answer

    @property
    def created(self) -> int:
        """How many servers became ready."""
        return sum(step.created for step in self.steps)

    @property
    def destroyed(self) -> int:
        """How many servers with an instance are confirmed destroyed."""
        return sum(step.destroyed for step in self.steps)

    @property
    def failed(self) -> int:
        """How many create attempts created nothing."""
        return sum(count for _, count in self.failures)


def find_range(name: str) -> Range:
    """Return the range with a name, or the first one."""
    return next((each for each in RANGES if each.name == name), RANGES[0])


def load_overview(chosen: Range, *, now: datetime) -> Overview:
    """Return the figures as of now, from the database. One query."""
    seconds, begins = chosen.seconds, chosen.list_steps(now)
    since = min(begins.values())
    steps: dict[int, dict[str, int]] = {number: {} for number in begins}
    boots: dict[str, dict[int, int]] = {"now": {}, "before": {}}
    failures: dict[str, int] = {}
    rows = _count_steps(seconds, since).union(
        _count_failures(since), _count_boots(now), all=True
    )
    for what, number, label, count in rows:
        if what == "step" and number in steps:
            steps[number][label] = count
        elif what == "boot":
            boots[label][number] = count
        elif what == "failure":
            failures[label] = failures.get(label, 0) + count
            at = steps.get(number * 3600 // seconds, {})
            at["failed"] = at.get("failed", 0) + count
    return Overview(
        range=chosen,
        steps=tuple(
            Column(begins[number], **counts) for number, counts in steps.items()
        ),
        boots=summarise_boots(boots["now"]),
        before=summarise_boots(boots["before"]),
        failures=tuple(sorted(failures.items(), key=lambda pair: (-pair[1], pair[0]))),
    )


def _row(rows: "QuerySet[Any]", what: str, bucket: Any, label: Any) -> Any:
    return (
        rows.order_by()
        .annotate(what=Value(what, CharField()), bucket=bucket, label=label)
        .values("what", "bucket", "label")
        .annotate(count=Count("pk"))
        .values_list("what", "bucket", "label", "count")
    )


def _count_steps(seconds: int, since: datetime) -> Any:
    label = Case(
        When(kind=Happening.READY, then=Value("created")),
        default=Value("destroyed"),
        output_field=CharField(),
    )
    # For a server that never had an instance, nothing was destroyed.
    had_one = Attempt.objects.filter(server_uid=OuterRef("server_uid")).exclude(
        instance_id=""
    )
    rows = Event.objects.filter(
        Q(kind=Happening.READY) | Q(Exists(had_one), kind=Happening.ABSENCE_CONFIRMED),
        at__gte=since,
    )
    return _row(rows, "step", Epoch("at") / seconds, label)


def _count_failures(since: datetime) -> Any:
    rows = Attempt.objects.filter(closed_at__gte=since, outcome__in=CLOSED).exclude(
        answer_class=""
    )
    return _row(rows, "failure", Epoch("closed_at") / 3600, F("answer_class"))


def _count_boots(now: datetime) -> Any:
    label = Case(
        When(ready_at__gte=now - WEEK, then=Value("now")),
        default=Value("before"),
        output_field=CharField(),
    )
    return _row(list_boots(now - 2 * WEEK), "boot", TOOK, label)


_kept: dict[tuple[str, str], tuple[float, Overview]] = {}
_lock = threading.Lock()


def recent_overview(chosen: Range, *, now: datetime) -> Overview:
    """Return figures that are at most some seconds old."""
    key = (str(connection.settings_dict["NAME"]), chosen.name)
    with _lock:
        found = _kept.get(key)
    if found is not None and time.monotonic() - found[0] < KEPT_SECONDS:
        return found[1]
    figures = load_overview(chosen, now=now)
    with _lock:
        _kept[key] = (time.monotonic(), figures)
    return figures
