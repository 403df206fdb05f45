"""What a run has shown: figures, and in sentences what broke a promise. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from servers.drill.verdict import Findings, Held

# From the end of the idle time until a server is proven gone: two reads of its queue,
# a heartbeat, the end of the drain, the destroy call and two listings. Nominally that
# is some twelve seconds, and the machine may have other work.
DRAIN_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Life:
    """One server of a pool, in Unix seconds: its row, until it was proven gone."""

    server: str  # its id in hex
    pool: str
    created_at: float
    ready_at: float | None
    stopped_at: float | None


@dataclass(slots=True)
class Outcome:
    """All figures of a run, as printed in JSON."""

    jobs: int
    finished: int
    killed: Sequence[str]
    forgotten: int
    findings: Findings
    late: Sequence[str]  # instances that were nobody's for longer than the bound
    bound_seconds: float
    rows: Mapping[str, int]  # the most at once, by pool
    at_the_cloud: Mapping[str, int]
    most: int  # of each pool
    left: Mapping[str, int]
    least: Mapping[str, int]
    back_seconds: float
    idle_seconds: float
    runners: Sequence[str] = ()  # left at their CI without a server
    wished_kills: int = 0
    kills: Mapping[str, int] = field(default_factory=dict)
    stops: int = 0
    flushes: int = 0
    hooks_taken: int = 0
    hooks_lost: int = 0
    servers: int = 0
    instances: int = 0
    never_ready: int = 0
    boot_p50: float = 0.0  # from the plan to ready, in seconds
    seconds: float = 0.0
    bad_lines: Sequence[str] = ()

    def find_broken(self) -> list[str]:
        """Return what broke a promise, in sentences."""
        found = self.findings
        counts = (
            (len(self.killed), "Jobs that were killed"),
            (self.forgotten, "Jobs that never ran"),
            (len(found.leaks), "Instances without a server that are live"),
            (len(found.doubles), "Servers with more than one live instance"),
            (len(found.early), "Servers stopped while their instance was live"),
            (len(found.empty), "Running servers without a live instance"),
            (len(self.late), "Instances that were nobody's beyond the bound"),
            (len(self.runners), "Runners without a server"),
            (self.wished_kills - sum(self.kills.values()), "Kills that are missing"),
        )
        said = [f"{what}: {count}." for count, what in counts if count > 0]
        for pool, number in self.rows.items():
            if number > self.most:
                said.append(f"{pool} had {number} servers, and its max is {self.most}.")
        for pool, number in self.left.items():
            if number != self.least[pool]:
                said.append(
                    f"{pool} has {number} servers, and its min is {self.least[pool]}."
                )
        most = self.idle_seconds + DRAIN_SECONDS
        if self.back_seconds > most:
            said.append(
                f"The pools were back at min after {self.back_seconds:.1f} s, and idle "
                f"time and drain are {most:.0f} s."
            )
        return [*said, *self.killed[:5], *self.bad_lines[:5]]

    def as_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {**asdict(self), "broken": self.find_broken()}


def find_peak(lives: Iterable[tuple[float, float | None]]) -> int:
    """Return how many of these spans overlap at most. None: it has not ended."""
    steps = []
    for begin, end in lives:
        steps.append((begin, 1))
        if end is not None:
            steps.append((end, -1))
    most = count = 0
    for _, step in sorted(steps):  # of what is at one time, ends come first
        count += step
        most = max(most, count)
    return most


def find_late(
    held: Sequence[Held],
    lives: Sequence[Life],
    *,
    calm_at: float,
    bound: float,
    now: float,
) -> list[str]:
    """Return the instances that were nobody's for longer than ``bound`` seconds.

    A server's older instance is nobody's once there is a newer one, each is once its
    server has stopped, and one without a row always is. The time of faults, until
    ``calm_at``, does not count.
    """
    rows = {life.server: life for life in lives}
    by_server: defaultdict[str, list[Held]] = defaultdict(list)
    for each in sorted(held, key=lambda one: one.made_at):
        by_server[each.server].append(each)
    late = []
    for server, each_of in by_server.items():
        row = rows.get(server)
        for number, each in enumerate(each_of):
            newer = each_of[number + 1 :]
            ends = [one.made_at for one in newer[:1]]
            if row is None:
                ends.append(each.made_at)
            elif row.stopped_at is not None:
                ends.append(row.stopped_at)
            gone = now if each.gone_at is None else each.gone_at
            if ends and gone > max(min(ends), calm_at) + bound:
                late.append(each.instance_id)
    return late


def find_return(lives: Sequence[Life], since: float) -> float:
    """Return how many seconds after ``since`` the last server was gone.

    Those that never were ready are left out: they have a deadline of their own.
    """
    ends = [
        life.stopped_at
        for life in lives
        if life.stopped_at is not None and life.ready_at is not None
    ]
    return max(0.0, max(ends, default=since) - since)
