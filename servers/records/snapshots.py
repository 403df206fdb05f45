"""What queues showed: stored, and read again."""

from collections.abc import Iterable
from typing import Any

from servers.lifecycle.pools.demand import JobState
from servers.models import Queue
from servers.queues.base import QueueJob, QueueSnapshot


def dump_jobs(jobs: Iterable[QueueJob]) -> list[list[Any]]:
    """Return jobs as JSON: a list each, since there may be thousands."""
    return [
        [
            job.job_id,
            job.state.value,
            job.since,
            dict(job.labels),
            job.server,
            job.title,
        ]
        for job in jobs
    ]


def load_snapshot(queue: Queue) -> QueueSnapshot | None:
    """Return what a queue showed last, or None if it never did."""
    if queue.read_from is None:
        return None
    jobs = tuple(
        QueueJob(job_id, JobState(state), since, labels, server, title)
        for job_id, state, since, labels, server, title in queue.jobs
    )
    return QueueSnapshot(
        at=queue.read_from.timestamp(),
        jobs=jobs,
        complete=queue.complete,
        paused=queue.paused,
        names_servers=queue.names_servers,
    )
