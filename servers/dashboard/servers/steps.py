"""The steps of a boot or termination, with their durations and the usual times.

A step is one stay in a state, from the event that led to it until the next one. The
usual time is the median of the same template's recent boots. Time before the create
call is queued, and has no usual time (see boots.py). Only ``find_usual`` uses the
database.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import groupby, pairwise
from statistics import median
from typing import Final

from servers.access.reach import reach_servers
from servers.lifecycle.states import BOOTING, ENDING, Event, State
from servers.models import Event as EventRow
from servers.models import Server
from servers.records.boots import Boots, Moves, find_call, read_boots

# How many servers the usual times come from, and how many steps are shown.
MAX_BOOTS: Final = 20
MAX_STEPS: Final = 12
# The width of the waterfall, in its own units.
WIDTH: Final = 1000
_LEAST_WIDTH: Final = 4

LABELS: Final[Mapping[str, str]] = {
    State.PENDING: "Queued",
    State.CREATING: "Creating instance",
    State.CREATED: "Waiting for an address",
    State.STAGING: "Waiting until ready",
    State.SHUTDOWN: "Draining, until its builds have finished",
    State.STOPPING: "Destroying, until confirmed gone",
}
_PROVISIONED: Final = (
    State.RUNNING,
    State.SHUTDOWN,
    State.STOPPING,
    State.STOPPED,
)


@dataclass(frozen=True, slots=True)
class _Stay:
    """A stay in a state; ``following`` is the next state, or "" if it still lasts."""

    state: str
    begins: datetime
    ends: datetime
    following: str


@dataclass(frozen=True, slots=True)
class Stage:
    """One row of the waterfall; ``x`` and ``width`` are in thousandths of it."""

    state: str
    label: str
    seconds: float
    usual: float | None
    is_current: bool
    is_slow: bool  # much longer than usual
    has_failed: bool
    x: int
    width: int
    usual_width: int

    @property
    def tone(self) -> str:
        """The class for its colour; the words beside it say the same."""
        if self.has_failed:
            return "bad"
        if self.is_slow:
            return "warn"
        return "moving" if self.is_current else "good"


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The steps of a boot or a termination, and its total time.

    For a boot, ``seconds`` counts from the create call and is None before it;
    ``queued`` is the time before the call.
    """

    steps: tuple[Stage, ...]
    seconds: float | None
    usual: float | None
    queued: float = 0.0
    left_out: int = 0
    has_failed: bool = False
    is_ready: bool = False


def list_moves(events: Iterable[EventRow]) -> list[tuple[str, datetime]]:
    """Return the states that events led to, oldest first."""
    return [(event.to_state, event.at) for event in events if event.to_state]


@dataclass(frozen=True, slots=True)
class Usual:
    """The usual times of a template: the whole boot, and the seconds in each state."""

    boot: float | None = None
    steps: Mapping[str, float] = field(default_factory=dict)


def draw_boot(moves: Moves, usual: Usual, *, now: datetime) -> Waterfall | None:
    """Return the last boot: from the request or from the last retry."""
    start = 0
    for index, (state, _) in enumerate(moves):
        before = moves[index - 1][0] if index else ""
        if state == State.PENDING and before in {"", State.ERROR}:
            start = index
    return _draw(moves[start:], BOOTING, usual, now=now, is_boot=True)


def draw_end(moves: Moves, *, now: datetime) -> Waterfall | None:
    """Return the termination: from the request until confirmed gone."""
    return _draw(moves, ENDING - {State.STOPPED}, Usual(), now=now)


def _draw(
    moves: Moves,
    states: frozenset[State],
    usual: Usual,
    *,
    now: datetime,
    is_boot: bool = False,
) -> Waterfall | None:
    following = [*moves, ("", now)][1:]
    stays = [
        _Stay(state, begins, max(begins, ends), following=after)
        for (state, begins), (after, ends) in zip(moves, following, strict=True)
        if state in states
    ]
    if not stays:
        return None
    shown = stays[-MAX_STEPS:]
    zero, end = shown[0].begins, shown[-1].ends
    call = find_call(moves) if is_boot else stays[0].begins
    usual_end = call + timedelta(seconds=usual.boot or 0) if call else zero
    whole = max((end - zero).total_seconds(), (usual_end - zero).total_seconds(), 0.001)
    steps = tuple(
        _place(stay, usual.steps.get(stay.state), zero=zero, scale=WIDTH / whole)
        for stay in shown
    )
    return Waterfall(
        steps,
        seconds=(end - call).total_seconds() if call else None,
        usual=usual.boot,
        queued=((call or end) - stays[0].begins).total_seconds(),
        left_out=len(stays) - len(shown),
        has_failed=steps[-1].has_failed,
        is_ready=shown[-1].following == State.RUNNING,
    )


def _place(stay: _Stay, usual: float | None, *, zero: datetime, scale: float) -> Stage:
    seconds = (stay.ends - stay.begins).total_seconds()
    x = min(round((stay.begins - zero).total_seconds() * scale), WIDTH - _LEAST_WIDTH)
    width, usual_width = (
        min(max(round(length * scale), _LEAST_WIDTH), WIDTH - x)
        for length in (seconds, usual or 0)
    )
    return Stage(
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


def find_usual(server: Server, *, now: datetime) -> Usual:
    """Return the usual times for a boot of the server's template. Two queries."""
    if server.template_id is None:
        return Usual()
    boots = read_boots(now=now, template=server.template_id)
    recent = (
        reach_servers()
        .filter(template=server.template_id, state__in=_PROVISIONED)
        .exclude(pk=server.pk)
        .order_by("-created_at")
        .values("pk")[:MAX_BOOTS]
    )
    rows = (
        EventRow.objects.filter(server__in=recent)
        .exclude(to_state="")
        .order_by("server", "id")
        .values_list("server", "to_state", "at", "kind")
    )
    steps = weigh_boots(
        [(state, at, kind) for _, state, at, kind in boot]
        for _, boot in groupby(rows, key=lambda row: row[0])
    )
    return Usual(boots.get(server.template_id, Boots()).usual, steps)


def weigh_boots(
    boots: Iterable[Sequence[tuple[str, datetime, str]]],
) -> dict[str, float]:
    """Return the median seconds in each state, from the create call until ready."""
    stays: dict[str, list[float]] = {}
    for boot in boots:
        kinds = [kind for _, _, kind in boot]
        if Event.READY not in kinds:
            continue
        spent: dict[str, float] = {}
        until_ready = boot[: kinds.index(Event.READY) + 1]
        call = find_call([(state, at) for state, at, _ in until_ready])
        if call is None:
            continue
        until_ready = [move for move in until_ready if move[1] >= call]
        for (state, begins, _), (_, ends, _) in pairwise(until_ready):
            if state in BOOTING:
                spent[state] = spent.get(state, 0) + (ends - begins).total_seconds()
        for state, seconds in spent.items():
            stays.setdefault(state, []).append(seconds)
    return {state: median(seconds) for state, seconds in stays.items()}
