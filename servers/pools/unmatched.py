"""The jobs of a queue that no pool can run, summed up for people."""

from collections.abc import Sequence
from typing import Any, Final

from servers.lifecycle.pools.demand import JobState
from servers.models import Pool, Queue
from servers.placing.jobs import find_nearest, match_jobs, sort_of
from servers.queues.base import QueueJob, QueueSnapshot

MAX_SORTS: Final = 5
MAX_LABELS: Final = 10
MAX_LETTERS: Final = 100  # of a label
PATIENCE: Final = 60.0  # seconds


def describe_unmatched(
    queue: Queue, pools: Sequence[Pool], shown: QueueSnapshot
) -> list[dict[str, Any]]:
    """Return the sorts of jobs that wait in vain for a pool, as JSON.

    Servers of others may take a job, so it counts only after PATIENCE. The most
    numerous first, at most MAX_SORTS. Each has its labels, how many jobs there are and
    since when, and which of the labels the nearest pool lacks.
    """
    before = shown.at - PATIENCE
    waiting = [
        job
        for job in shown.jobs
        if job.state is JobState.PENDING and job.since <= before
    ]
    _, unmatched = match_jobs(queue, pools, waiting)
    sorts: dict[Any, list[QueueJob]] = {}
    for job in unmatched:
        sorts.setdefault(sort_of(job.labels), []).append(job)
    most = sorted(sorts.values(), key=len, reverse=True)[:MAX_SORTS]
    return [_describe(queue, pools, found) for found in most]


def _describe(
    queue: Queue, pools: Sequence[Pool], jobs: Sequence[QueueJob]
) -> dict[str, Any]:
    labels = jobs[0].labels
    nearest, missing = find_nearest(queue, pools, labels)
    asked = [f"{name}:{text}" if text else name for name, text in labels.items()]
    return {
        "labels": _shorten(asked),
        "count": len(jobs),
        "since": min(job.since for job in jobs),
        "pool": nearest,
        "missing": _shorten(missing),
    }


def _shorten(labels: Sequence[str]) -> list[str]:
    return [label[:MAX_LETTERS] for label in labels[:MAX_LABELS]]
