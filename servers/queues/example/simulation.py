"""Jobs that come in bursts and run on a pool's servers. Pure.

When a burst comes, how many jobs it has and how long each runs follow from the time and
the settings alone. Where they run follows from the servers that are there. So a read
needs only what the last one showed, and nothing is kept besides.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from servers.lifecycle.pools.demand import JobState
from servers.queues.base import Host, Labels, QueueJob, QueueSnapshot
from servers.queues.matching import match_labels

# What came while nobody looked is left out, and so are jobs above the most.
LONGEST_GAP: Final = 600.0
MAX_JOBS: Final = 2000


@dataclass(frozen=True, slots=True)
class Settings:
    """How many jobs a burst has on average, and the seconds of all else."""

    jobs: int = 4
    every: float = 60.0
    seconds: float = 30.0
    labels: Labels = field(default_factory=dict)


def advance(
    settings: Settings,
    before: QueueSnapshot | None,
    hosts: Sequence[Host],
    now: float,
) -> QueueSnapshot:
    """Return what the queue shows at ``now``, after what it showed before.

    A job whose server is gone waits again.
    """
    names = {host.name for host in hosts}
    waiting, running = [], []
    for job in before.jobs if before else ():
        if job.state is not JobState.RUNNING:
            waiting.append(job)
        elif now >= job.since + _time_of(settings, job.job_id):
            continue
        elif job.server in names:
            running.append(job)
        else:
            lost = replace(job, state=JobState.PENDING, since=now, server="")
            waiting.append(lost)
    # The first read shows one burst, so that there is something to see.
    since = before.at if before else now - settings.every
    waiting += _list_new(settings, max(since, now - LONGEST_GAP), now)
    free = {host.name: host.slots for host in hosts if host.takes_jobs}
    for job in running:
        if job.server in free:
            free[job.server] -= 1
    left = []
    for job in waiting[:MAX_JOBS]:
        host = _find_host(job, hosts, free)
        if host is None:
            left.append(job)
            continue
        free[host.name] -= 1
        running.append(
            replace(job, state=JobState.RUNNING, since=now, server=host.name)
        )
    return QueueSnapshot(now, (*left, *running))


def _list_new(settings: Settings, since: float, now: float) -> Iterator[QueueJob]:
    """Yield the jobs that came after ``since``, the oldest first."""
    first, last = int(since // settings.every) + 1, int(now // settings.every)
    for burst in range(first, last + 1):
        most = 2 * settings.jobs - 1
        for number in range(1 + int(_draw(f"{burst}") * most)):
            yield QueueJob(
                f"{burst}-{number}",
                JobState.PENDING,
                burst * settings.every,
                settings.labels,
                title=f"example {burst}, job {number + 1}",
            )


def _find_host(
    job: QueueJob, hosts: Sequence[Host], free: dict[str, int]
) -> Host | None:
    for host in hosts:
        fits = free.get(host.name, 0) > 0
        if fits and match_labels(job.labels, host.labels) is not None:
            return host
    return None


def _time_of(settings: Settings, job_id: str) -> float:
    """Return how long a job runs: from a half to one and a half of the usual."""
    return settings.seconds * (0.5 + _draw(f"time {job_id}"))


def _draw(text: str) -> float:
    """Return a number from 0 to below 1, always the same for a text."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32
