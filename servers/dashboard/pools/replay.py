"""A pool's own jobs under other settings, and the way to use one of them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Final

from django.db import transaction
from django.views.generic import TemplateView

from servers.access.reach import find_pool
from servers.dashboard.pools.policy import GROUPS
from servers.dashboard.shared.access import Page
from servers.dashboard.shared.acting import Act
from servers.dashboard.shared.editing import lock_row
from servers.errors import InvalidError
from servers.models import Pool
from servers.operations.pools import save_pool
from servers.pools.curve import (
    MAX_DAYS,
    VARIED,
    Point,
    draw_curve,
    read_record,
    read_setting,
)
from servers.records.ledger import database_now
from servers.wording import say_duration

MAX_REPLAYED: Final = 5000  # jobs, so that the page takes a second or two
DAYS: Final = (1, 7, MAX_DAYS)
USABLE: Final = tuple(name for name in VARIED if name != "slots")
LABELS: Final = {
    **{each.name: each.label for group in GROUPS.values() for each in group},
    "slots": "Slots of a server",
}
# Of the picture, in its own units.
WIDTH: Final = 300
HEIGHT: Final = 100
# What a value beside a point covers, on a phone.
WORD_WIDE: Final = 50
WORD_HIGH: Final = 14


@dataclass(frozen=True, slots=True)
class Row:
    """One policy's line in the table, and its place in the picture."""

    point: Point
    value: float
    said: str
    x: float
    y: float
    has_room: bool = True  # for its value beside the point

    @property
    def word_x(self) -> float:
        """Where its value begins, or ends if it is near the right edge."""
        return self.x + (-8 if self.is_right else 8)

    @property
    def is_right(self) -> bool:
        """Whether its value stands to the left of the point."""
        return self.x > WIDTH * 0.8


class PoolReplay(Page, TemplateView):
    """The curve of waits against server-hours, with today's point on it."""

    template_name = "pools/replay.html"
    permission_required = "servers.view_pool"

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Replay the record."""
        pool = find_pool(self.kwargs["name"])
        vary = self.request.GET.get("vary", "")
        vary = vary if vary in VARIED else "idle"
        given = self.request.GET.get("days", "")
        days = int(given) if given in map(str, DAYS) else 7
        record = read_record(pool, now=database_now(), days=days, most=MAX_REPLAYED)
        points = draw_curve(pool, record, vary) if record.jobs else []
        return super().get_context_data(**context) | {
            "pool": pool,
            "record": record,
            "failing": record.cloud.failing * 100,
            "rows": _place(points, vary, read_setting(pool, vary)),
            "hours": _find_ends(point.found.hours for point in points),
            "waits": _find_ends(point.found.mean for point in points),
            "is_cut": len(record.jobs) == MAX_REPLAYED,
            "most": MAX_REPLAYED,
            "vary": vary,
            "label": LABELS[vary],
            "varied": [(name, LABELS[name]) for name in VARIED],
            "days": days,
            "ranges": DAYS,
            "may_use": vary in USABLE
            and self.request.user.has_perm("servers.change_pool"),
        }


def _place(points: list[Point], vary: str, present: float) -> list[Row]:
    """Return the points by the setting's value, with their places in the picture."""
    hours = [point.found.hours for point in points]
    waits = [point.found.mean for point in points]
    rows = [
        Row(
            point,
            value := point.changes.get(vary, present),
            _say(vary, value),
            round(_scale(point.found.hours, hours) * WIDTH, 1),
            round((1 - _scale(point.found.mean, waits)) * HEIGHT, 1),
        )
        for point in points
    ]
    return sorted(_make_room(rows), key=lambda row: row.value)


def _make_room(rows: list[Row]) -> Iterator[Row]:
    """Leave out values that would cover those of points before. Today's is first."""
    kept: list[Row] = []
    for row in rows:
        has_room = not any(
            abs(row.x - other.x) < WORD_WIDE and abs(row.y - other.y) < WORD_HIGH
            for other in kept
        )
        if has_room:
            kept.append(row)
        yield replace(row, has_room=has_room)


def _find_ends(values: Iterable[float]) -> tuple[float, float] | None:
    found = list(values)
    return (min(found), max(found)) if found else None


def _say(name: str, value: float) -> str:
    return say_duration(value) if name == "idle" else f"{value:g}"


def _scale(value: float, all_values: list[float]) -> float:
    low, high = min(all_values), max(all_values)
    return (value - low) / (high - low) if high > low else 0.5


class UseSetting(Act):
    """Make a replayed setting part of the pool's policy. The old one is kept."""

    permission_required = "servers.change_pool"
    page = "pool"
    find: ClassVar[Any] = staticmethod(find_pool)

    def act(self) -> str:
        """Save the new policy, if the replay offers that value."""
        name = self.request.POST.get("setting", "")
        given = self.request.POST.get("value", "")
        values = {f"{value:g}": value for value in VARIED.get(name, ())}
        if name not in USABLE or given not in values:
            raise InvalidError("Choose one of the values that the replay shows.")
        with transaction.atomic():
            pool: Pool = lock_row(self.row)
            pool.policy = {**pool.policy, name: values[given]}
            save_pool(pool)
        return f"{LABELS[name]} of {pool.name} is now {_say(name, values[given])}."
