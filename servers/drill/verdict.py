"""What a drill concludes from the cloud and the records. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from servers.drill.ends import Ends
from servers.lifecycle.states import State

# How long after the last kill the first step may take.
STANDSTILL_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Held:
    """One instance that ever had a server's tag at the cloud; times in seconds."""

    instance_id: str
    server: str  # the id in its tag
    made_at: float
    gone_at: float | None  # None if it is live at the end

    def life(self, now: float) -> float:
        """Return how long it existed."""
        return (now if self.gone_at is None else self.gone_at) - self.made_at


@dataclass(frozen=True, slots=True)
class Row:
    """One server, as recorded at the end."""

    id: str
    name: str
    state: str
    instance_id: str
    stopped_at: float | None = None


@dataclass(frozen=True, slots=True)
class Findings:
    """What does not match the records."""

    leaks: tuple[str, ...]  # live at the end, without a row
    doubles: tuple[str, ...]  # servers with more than one live instance
    early: tuple[str, ...]  # servers that were `stopped` while an instance lived
    lost: tuple[str, ...]  # accepted requests without a row
    empty: tuple[str, ...]  # running servers without a live instance
    worst_heal: float  # longest life of an instance that never belonged to its row


@dataclass(slots=True)
class Verdict:
    """The whole result, as printed: the names are those in the JSON."""

    seed: int
    database: str
    seconds: float
    kills: Mapping[str, int]
    steps: Mapping[str, int]
    between_intent_and_answer: int
    stops: int
    flushes: int
    requests: Mapping[str, int]
    accepted: int
    creates: int
    made: int
    live: int
    states: Mapping[str, int]
    held_for_a_person: int
    bound_seconds: float
    rest_after_seconds: float
    findings: Findings
    ends: Ends = field(default_factory=Ends)
    stops_for_good: int = 0
    first_step_after_seconds: float = 0.0  # after the last kill or stop
    broken: list[str] = field(default_factory=list)

    @property
    def is_kept(self) -> bool:
        """Whether the promise was kept."""
        return not self.broken

    def as_dict(self) -> dict[str, Any]:
        """Return the result for JSON."""
        result = {"kept": self.is_kept, **asdict(self)}
        found = result.pop("findings")
        ends = result.pop("ends")
        result |= {"drained": ends["drained"], "cut_off": len(ends["cut_off"])}
        result |= {"health_lost": ends["lost"], "replaced": ends["replaced"]}
        result |= {name: len(found[name]) for name in ("leaks", "doubles", "lost")}
        result["worst_heal_seconds"] = found["worst_heal"]
        result["kills"] = {"total": sum(self.kills.values()), **self.kills}
        return {
            name: round(value, 1) if isinstance(value, float) else value
            for name, value in result.items()
        }


def compare(
    held: Sequence[Held],
    rows: Sequence[Row],
    owned: Iterable[str],
    accepted: Iterable[str],
    *,
    now: float,
) -> Findings:
    """Compare the cloud's instances with the records.

    ``owned`` are the instances that the cloud ever returned for an attempt,
    ``accepted`` the server names of accepted requests. ``now`` is in Unix seconds.
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
    """Record in sentences what broke the promise, or was too little to test it."""
    found = verdict.findings
    kills = sum(verdict.kills.values())
    checks: tuple[tuple[int, str], ...] = (
        (len(found.leaks), "Instances without a server that are live past the bound"),
        (len(found.doubles), "Servers with more than one live instance"),
        (verdict.held_for_a_person, "Instances that need a decision"),
        (len(found.early), "Servers stopped while their instance was live"),
        (len(found.empty), "Running servers without a live instance"),
        (len(found.lost), "Accepted requests without a server"),
        (len(verdict.ends.cut_off), "Drains that ended before their build"),
        (len(verdict.ends.doubly_replaced), "Servers that were replaced twice"),
        (
            len(verdict.ends.half_replaced),
            "Replacements without a lost server, or reverse",
        ),
        (len(bad_answers), "Answers with an error of the service"),
        (max(0, wished_kills - kills), "Kills missing from the requested number"),
        (
            max(0, wished_stranded - verdict.between_intent_and_answer),
            "Kills missing between an intent and its saved answer",
        ),
    )
    verdict.broken = [f"{what}: {count}." for count, what in checks if count]
    if verdict.first_step_after_seconds > STANDSTILL_SECONDS:
        verdict.broken.append(
            f"The first step was taken {verdict.first_step_after_seconds:.0f} s after "
            "the last kill."
        )
    resting = {State.RUNNING, State.STOPPED}
    moving = Counter(verdict.states) - Counter(
        {state: verdict.states.get(state, 0) for state in resting}
    )
    if moving.total():
        verdict.broken.append(f"Servers still changing at the end: {moving.total()}.")
    verdict.broken += [f"It answered {text}" for text in bad_answers[:5]]
    verdict.broken += bad_lines[:5]


def describe(verdict: Verdict) -> str:
    """Return the verdict as a table for people."""
    found = verdict.as_dict()
    lines = [
        f"  {name.replace('_', ' '):<28} {value}"
        for name, value in found.items()
        if not isinstance(value, bool | list | dict)
    ]
    for name in ("kills", "steps", "requests", "states", "drained"):
        lines.append(f"  {name}")
        lines += [f"    {key:<40} {count}" for key, count in found[name].items()]
    kept = "The promise was kept." if verdict.is_kept else "The promise was BROKEN:"
    return "\n".join([*lines, "", kept, *(f"  {text}" for text in verdict.broken)])
