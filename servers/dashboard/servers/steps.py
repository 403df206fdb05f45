"""The steps of a boot and of an end, with their durations, against the usual.

A step is one stay in a state, from the event that led into it to the next. The usual
is the median of the same template's recent boots. All but ``find_usual`` is pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, pairwise
from statistics import median
from typing import Final

from servers.lifecycle.states import BOOTING, ENDING, Event, State
from servers.models import Event as EventRow
from servers.models import Server

# Of so many servers the usual is made, and so many steps are shown.
MOST_BOOTS: Final = 20
MOST_STEPS: Final = 12
# The waterfall's width, in its own units.
WIDTH: Final = 1000
_LEAST_WIDTH: Final = 4

LABELS: Final[Mapping[str, str]] = {
    State.PENDING: "Asked for; waits for its turn",
    State.CREATING: "Create call, until the instance is known",
    State.CREATED: "Waits for an address",
    State.STAGING: "Has an address; gets ready",
    State.SHUTDOWN: "Drains",
    State.STOPPING: "Is destroyed, until its absence is proven",
}
_PROVISIONED: Final = (
    State.RUNNING,
    State.SHUTDOWN,
    State.STOPPING,
    State.STOPPED,
)
Moves = Sequence[tuple[str, datetime]]  # the state that was reached, and when


@dataclass(frozen=True, slots=True)
class _Stay:
    """A stay in a state; ``following`` is the next one, "" where it still lasts."""

    state: str
    begins: datetime
    ends: datetime
    following: str


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the waterfall; ``x`` and ``width`` are in thousandths of it."""

    state: str
    label: str
    seconds: float
    usual: float | None
    is_current: bool
    is_slow: bool  # longer than usual, by much
    has_failed: bool
    x: int
    width: int
    usual_width: int

    @property
    def tone(self) -> str:
        """The class of its colour; words beside it say the same."""
        if self.has_failed:
            return "bad"
        if self.is_slow:
            return "warn"
        return "moving" if self.is_current else "good"


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The steps of one way, and the whole of it."""

    steps: tuple[Step, ...]
    seconds: float
    usual: float | None
    left_out: int = 0
    has_failed: bool = False
    is_ready: bool = False


def list_moves(events: Iterable[EventRow]) -> list[tuple[str, datetime]]:
    """Return the states that events, oldest first, led into."""
    return [(event.to_state, event.at) for event in events if event.to_state]


def draw_boot(
    moves: Moves, usual: Mapping[str, float], *, now: datetime
) -> Waterfall | None:
    """Return the last boot: from when it was asked for, or begun anew."""
    start = 0
    for index, (state, _) in enumerate(moves):
        before = moves[index - 1][0] if index else ""
        if state == State.PENDING and before in {"", State.ERROR}:
            start = index
    return _draw(moves[start:], BOOTING, usual, now=now)


def draw_end(moves: Moves, *, now: datetime) -> Waterfall | None:
    """Return the way from the wish to end it to its proven absence."""
    return _draw(moves, ENDING - {State.STOPPED}, {}, now=now)


def _draw(
    moves: Moves, states: frozenset[State], usual: Mapping[str, float], *, now: datetime
) -> Waterfall | None:
    following = [*moves, ("", now)][1:]
    stays = [
        _Stay(state, begins, max(begins, ends), following=after)
        for (state, begins), (after, ends) in zip(moves, following, strict=True)
        if state in states
    ]
    if not stays:
        return None
    shown = stays[-MOST_STEPS:]
    zero, end = shown[0].begins, shown[-1].ends
    usual_total = sum(usual[state] for state in states if state in usual) or None
    whole = max((end - zero).total_seconds(), usual_total or 0, 0.001)
    steps = tuple(
        _place(stay, usual.get(stay.state), zero=zero, scale=WIDTH / whole)
        for stay in shown
    )
    return Waterfall(
        steps,
        seconds=(end - stays[0].begins).total_seconds(),
        usual=usual_total,
        left_out=len(stays) - len(shown),
        has_failed=steps[-1].has_failed,
        is_ready=shown[-1].following == State.RUNNING,
    )


def _place(stay: _Stay, usual: float | None, *, zero: datetime, scale: float) -> Step:
    seconds = (stay.ends - stay.begins).total_seconds()
    x = min(round((stay.begins - zero).total_seconds() * scale), WIDTH - _LEAST_WIDTH)
    width, usual_width = (
        min(max(round(length * scale), _LEAST_WIDTH), WIDTH - x)
        for length in (seconds, usual or 0)
    )
    return Step(
        state=stay.state,
        label=LABELS[stay.state],
        seconds=seconds,
        usual=usual,
        is_current=not stay.following,
        is_slow=usual is not None and seconds > max(2 * usual, usual + 5),
        has_failed=stay.following == State.ERROR,
        x=x,
        width=width,
        usual_width=usual_width if usual is not None else 0,
    )


def find_usual(server: Server) -> dict[str, float]:
    """Return the usual seconds in each state of a boot, of this template. One query."""
    if server.template_id is None:
        return {}
    recent = (
        Server.objects.filter(template=server.template_id, state__in=_PROVISIONED)
        .exclude(pk=server.pk)
        .order_by("-created_at")
        .values("pk")[:MOST_BOOTS]
    )
    rows = (
        EventRow.objects.filter(server__in=recent)
        .exclude(to_state="")
        .order_by("server", "id")
        .values_list("server", "to_state", "at", "kind")
    )
    return weigh_boots(
        [(state, at, kind) for _, state, at, kind in boot]
        for _, boot in groupby(rows, key=lambda row: row[0])
    )


def weigh_boots(
    boots: Iterable[Sequence[tuple[str, datetime, str]]],
) -> dict[str, float]:
    """Return the median seconds in each state over boots that came to be ready."""
    stays: dict[str, list[float]] = {}
    for boot in boots:
        kinds = [kind for _, _, kind in boot]
        if Event.READY not in kinds:
            continue
        spent: dict[str, float] = {}
        until_ready = boot[: kinds.index(Event.READY) + 1]
        for (state, begins, _), (_, ends, _) in pairwise(until_ready):
            if state in BOOTING:
                spent[state] = spent.get(state, 0) + (ends - begins).total_seconds()
        for state, seconds in spent.items():
            stays.setdefault(state, []).append(seconds)
    return {state: median(seconds) for state, seconds in stays.items()}
