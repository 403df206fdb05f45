"""What a replay is judged by: waits against server-hours."""

from collections.abc import Sequence
from dataclasses import dataclass

from servers.lifecycle.replay.world import Result


@dataclass(frozen=True, slots=True)
class Measure:
    """The figures of one label, or of all. Waits are in seconds."""

    jobs: int
    mean: float
    p50: float
    p95: float
    p99: float
    longest: float
    hours: float  # of servers
    idle: float  # the share of slots' time without a job
    created_per_100: float
    short_lives: int
    killed: int
    never_run: int
    breaches: int

    def cost(self, weight: float) -> float:
        """Return the server-hours, and the hours of waiting times ``weight``."""
        return self.hours + weight * self.mean * self.jobs / 3600


def measure(result: Result, label: str | None = None) -> Measure:
    """Return a result's figures, of one label or of all."""
    if label is None:
        waits = sorted(wait for each in result.waits.values() for wait in each)
    else:
        waits = sorted(result.waits.get(label, ()))
    offered = result.server_seconds * result.slots
    return Measure(
        jobs=len(waits),
        mean=sum(waits) / len(waits) if waits else 0.0,
        p50=find_percentile(waits, 50),
        p95=find_percentile(waits, 95),
        p99=find_percentile(waits, 99),
        longest=waits[-1] if waits else 0.0,
        hours=result.server_seconds / 3600,
        idle=1 - result.busy_seconds / offered if offered else 0.0,
        created_per_100=100 * result.created / len(waits) if waits else 0.0,
        short_lives=result.short_lives,
        killed=result.killed,
        never_run=result.never_run,
        breaches=result.breaches,
    )


def find_percentile(ordered: Sequence[float], percent: float) -> float:
    """Return the value below which ``percent`` of the sorted values lie; 0 if none."""
    if not ordered:
        return 0.0
    at = min(len(ordered) - 1, int(len(ordered) * percent / 100))
    return ordered[at]
