"""A pool's chart as paths of SVG, drawn here: it needs no script and no styles."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from servers.reports.pool_chart import PoolStep

HEIGHT: Final = 100  # of both pictures, in their own units; a step is one unit wide
_TICKS: Final = 4  # times below a picture, each at the start of a quarter of it


@dataclass(frozen=True, slots=True)
class Drawing:
    """A picture: its width and top value, and a path for each row of figures."""

    width: int
    top: int
    paths: dict[str, str]
    times: list[datetime]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return not any(self.paths.values())


def draw_slots(steps: Sequence[PoolStep]) -> Drawing:
    """Draw busy, idle and booting slots as stacked columns, and demand as a line."""
    known = [step for step in steps if step.plans]
    top = _round_up(
        max(
            (max(s.demand, s.busy + s.idle + s.booting) for s in known),
            default=0.0,
        )
    )
    layers: dict[str, list[str]] = {"busy": [], "idle": [], "booting": []}
    for place, step in enumerate(steps):
        below = 0.0
        for name, found in layers.items() if step.plans else ():
            value = getattr(step, name)
            if value > 0:
                high, low = _scale(value, top), HEIGHT - _scale(below, top)
                found.append(f"M{place} {low:g}h1v{-high:g}h-1z")
            below += value
    paths = {name: "".join(found) for name, found in layers.items()}
    paths["demand"] = _draw_line(
        steps, lambda step: step.demand if step.plans else None, top
    )
    return Drawing(len(steps), top, paths, _pick_times(steps))


def draw_waits(steps: Sequence[PoolStep]) -> Drawing:
    """Draw the percentiles of the waits as lines."""
    longest = max((step.waits.p95 or 0.0 for step in steps), default=0.0)
    top = _round_up(longest)
    return Drawing(
        len(steps),
        top,
        {
            "p50": _draw_line(steps, lambda step: step.waits.p50, top),
            "p95": _draw_line(steps, lambda step: step.waits.p95, top),
        },
        _pick_times(steps),
    )


def draw_servers(steps: Sequence[PoolStep]) -> Drawing:
    """Draw the servers of others, and those that a dry pool would have, as lines."""
    top = _round_up(
        max(
            (max(s.other_servers or 0.0, s.would or 0.0) for s in steps),
            default=0.0,
        )
    )
    return Drawing(
        len(steps),
        top,
        {
            "others": _draw_line(steps, lambda step: step.other_servers, top),
            "would": _draw_line(steps, lambda step: step.would, top),
        },
        _pick_times(steps),
    )


def _draw_line(
    steps: Sequence[PoolStep], read: Callable[[PoolStep], float | None], top: int
) -> str:
    """Return a line of level pieces, with gaps where nothing is known."""
    parts, is_drawn = [], False
    for place, step in enumerate(steps):
        value = read(step)
        if value is not None:
            at = f"{HEIGHT - _scale(value, top):g}"
            parts.append(f"V{at}" if is_drawn else f"M{place} {at}")
            parts.append("h1")
        is_drawn = value is not None
    return "".join(parts)


def _scale(value: float, top: int) -> float:
    return round(value / top * HEIGHT, 2)


def _round_up(value: float) -> int:
    """Return a round number that is at least the value: 1, 2, 4, 6, 8, 10, 20."""
    return next(each for each in _round_numbers() if each >= value)


def _round_numbers() -> Iterator[int]:
    tens = 1
    while True:
        yield from (tens, 2 * tens, 4 * tens, 6 * tens, 8 * tens)
        tens *= 10


def _pick_times(steps: Sequence[PoolStep]) -> list[datetime]:
    number = min(_TICKS, len(steps))
    return [steps[round(len(steps) * each / number)].at for each in range(number)]
