"""What a drill concludes: pure, from what the cloud held and what the records say."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from servers.lifecycle.states import State

# How long nothing may be worked off after the last kill.
STANDSTILL_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Held:
    """One instance that the cloud ever held under a server's tag, times in seconds."""

    instance_id: str
    server: str  # the id in its tag
    made_at: float
    gone_at: float | None  # None: it is live at the end

    def life(self, now: float) -> float:
        """Return how long it was there."""
        return (now if self.gone_at is None else self.gone_at) - self.made_at


@dataclass(frozen=True, slots=True)
class Row:
    """One server as the records have it at the end."""

    id: str
    name: str
    state: str
    instance_id: str
    stopped_at: float | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What no row accounts for."""

    leaks: tuple[str, ...]  # live at the end, and no row's
    doubles: tuple[str, ...]  # servers with more than one live instance
    early: tuple[str, ...]  # servers that were `stopped` while an instance lived
    lost: tuple[str, ...]  # accepted requests that no row tells of
    empty: tuple[str, ...]  # running servers without a live instance
    worst_heal: float  # longest life of an instance that never was its row's


@dataclass(slots=True)
class Verdict:
    """The whole result, as it is printed."""

    seed: int
    database: str
    seconds: float
    kills: Mapping[str, int]
    steps: Mapping[str, int]
    stranded: int
    stops: int
    flushes: int
    requests: Mapping[str, int]
    accepted: int
    creates: int
    made: int
    live: int
    states: Mapping[str, int]
    held_for_a_person: int
    bound: float
    rest_after: float
    findings: Findings
    stops_for_good: int = 0
    first_step_after: float = 0.0  # the last kill or stop, in seconds
    broken: list[str] = field(default_factory=list)

    @property
    def is_kept(self) -> bool:
        """Whether the promise was kept."""
        return not self.broken

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON shows it."""
        found = self.findings
        return {
            "kept": self.is_kept,
            "broken": self.broken,
            "seed": self.seed,
            "database": self.database,
            "seconds": round(self.seconds, 1),
            "kills": {"total": sum(self.kills.values()), **self.kills},
            "steps": dict(self.steps),
            "between_intent_and_answer": self.stranded,
            "stops": self.stops,
            "stops_for_good": self.stops_for_good,
            "flushes": self.flushes,
            "requests": dict(self.requests),
            "accepted": self.accepted,
            "creates": self.creates,
            "made": self.made,
            "live": self.live,
            "states": dict(self.states),
            "leaks": len(found.leaks),
            "doubles": len(found.doubles),
            "held_for_a_person": self.held_for_a_person,
            "lost": len(found.lost),
            "worst_heal_seconds": round(found.worst_heal, 1),
            "bound_seconds": round(self.bound, 1),
            "rest_after_seconds": round(self.rest_after, 1),
            "first_step_after_seconds": round(self.first_step_after, 1),
        }


def compare(
    held: Sequence[Held],
    rows: Sequence[Row],
    owned: Iterable[str],
    accepted: Iterable[str],
    *,
    now: float,
) -> Findings:
    """Compare what the cloud held with the records.

    ``owned`` are the instances that an attempt was ever answered with, ``accepted``
    the names of the requests that got a 200. ``now`` in Unix seconds.
    """
    by_id = {row.id: row for row in rows}
    owned = set(owned)
    live: defaultdict[str, list[str]] = defaultdict(list)
    leaks, early = [], []
    for instance in held:
        row = by_id.get(instance.server)
        is_live = instance.gone_at is None
        if is_live:
            live[instance.server].append(instance.instance_id)
            holds = row is not None and row.state == State.RUNNING
            if row is None or not holds or row.instance_id != instance.instance_id:
                leaks.append(instance.instance_id)
        ends = now if instance.gone_at is None else instance.gone_at
        if (
            row is not None
            and row.stopped_at is not None
            and instance.instance_id in owned
            and ends > row.stopped_at
        ):
            early.append(row.name)
    return Findings(
        leaks=tuple(leaks),
        doubles=tuple(server for server, ids in live.items() if len(ids) > 1),
        early=tuple(early),
        lost=tuple(sorted(set(accepted) - {row.name for row in rows})),
        empty=tuple(
            row.name
            for row in rows
            if row.state == State.RUNNING and row.instance_id not in live[row.id]
        ),
        worst_heal=max(
            (entry.life(now) for entry in held if entry.instance_id not in owned),
            default=0.0,
        ),
    )


def judge(
    verdict: Verdict,
    *,
    wished_kills: int,
    wished_stranded: int,
    bad_answers: Sequence[str],
    bad_lines: Sequence[str] = (),
) -> None:
    """Write down in sentences what broke the promise, or was too little to try it."""
    found = verdict.findings
    kills = sum(verdict.kills.values())
    checks: tuple[tuple[int, str], ...] = (
        (len(found.leaks), "instance(s) that no server owns are live past the bound"),
        (len(found.doubles), "server(s) have more than one live instance"),
        (verdict.held_for_a_person, "instance(s) wait for a person"),
        (len(found.early), "server(s) were stopped while their instance lived"),
        (len(found.empty), "running server(s) have no live instance"),
        (len(found.lost), "accepted request(s) are not accounted for"),
        (len(bad_answers), "answer(s) were a fault of the service"),
        (max(0, wished_kills - kills), "kill(s) of those wished for are missing"),
        (
            max(0, wished_stranded - verdict.stranded),
            "kill(s) between an intent and its saved answer are missing",
        ),
    )
    verdict.broken = [f"{count} {what}." for count, what in checks if count]
    if verdict.first_step_after > STANDSTILL_SECONDS:
        verdict.broken.append(
            f"The first step was taken {verdict.first_step_after:.0f} s after the last "
            "kill."
        )
    resting = {State.RUNNING, State.STOPPED}
    moving = Counter(verdict.states) - Counter(
        {state: verdict.states.get(state, 0) for state in resting}
    )
    if moving.total():
        verdict.broken.append(f"{moving.total()} server(s) did not come to rest.")
    verdict.broken += [f"It answered {text}" for text in bad_answers[:5]]
    verdict.broken += bad_lines[:5]
