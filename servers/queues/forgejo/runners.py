"""Which runner runs which of Forgejo's jobs.

Its API does not say that. It says which runners are active: those that have reported
on a job within ten seconds. So the jobs that run are spread over the active runners
that have their labels, and no active runner counts as idle. Each runner's count may be
wrong by that, but not which runners have a job.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from servers.lifecycle.pools.demand import JobState
from servers.outgoing import reading
from servers.queues.base import QueueJob
from servers.queues.forges import read_tags
from servers.queues.matching import match_exact_tags

UNNAMED = "a job that Forgejo does not name"


@dataclass(frozen=True, slots=True)
class Runner:
    """One runner, and whether it has a job."""

    name: str
    labels: Mapping[str, str]
    is_active: bool


@dataclass(frozen=True, slots=True)
class Placed:
    """All jobs, and whether each that runs has the name of a runner."""

    jobs: tuple[QueueJob, ...]
    is_sure: bool


def read_runner(row: Mapping[str, Any]) -> Runner:
    """Return a row of either form: versions before 15 have that of Gitea."""
    labels = reading.texts(row, "labels")
    labels += [reading.text(each, "name") for each in reading.objects(row, "labels")]
    return Runner(
        name=reading.text(row, "name"),
        labels=read_tags(labels),
        is_active=reading.text(row, "status") == "active" or reading.truth(row, "busy"),
    )


def place_jobs(
    jobs: Sequence[QueueJob], runners: Iterable[Runner], now: float
) -> Placed:
    """Return the jobs with the runners that run them, as far as can be told."""
    active = [each for each in runners if each.is_active and each.name]
    load = {runner.name: 0 for runner in active}
    placed, is_sure = [], True
    for job in jobs:
        if job.state is JobState.RUNNING:
            fit = [
                runner.name
                for runner in active
                if match_exact_tags(job.labels, runner.labels) is not None
            ]
            if not fit:
                placed.append(job)
                is_sure = False
                continue
            chosen = min(fit, key=lambda name: (load[name], name))
            load[chosen] += 1
            placed.append(replace(job, server=chosen))
        else:
            placed.append(job)
    placed += [
        QueueJob(
            job_id=f"runner {runner.name}",
            state=JobState.RUNNING,
            since=now,
            labels=runner.labels,
            server=runner.name,
            title=UNNAMED,
        )
        for runner in active
        if not load[runner.name]
    ]
    return Placed(tuple(placed), is_sure)
