"""What queues showed: stored, and read again."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
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


def keep_times(
    jobs: Iterable[QueueJob], earlier: QueueSnapshot | None, *, at: float
) -> Iterator[QueueJob]:
    """Yield jobs with the time since when they are known to be in their state.

    ``at`` is when they are shown: none has a later time.

    Some CI systems don't say it, so a job of theirs would always look new. It has been
    there at least since the first of the snapshots in a row that showed it so. Others
    say when a job was created, even if it first waited for other jobs or a limit. So
    if the earlier snapshot did not show a job waiting, it has not waited since before
    that snapshot.
    """
    if earlier is None:
        yield from jobs
        return
    known = {(job.job_id, job.state): job.since for job in earlier.jobs}
    for job in jobs:
        before = known.get((job.job_id, job.state))
        since = job.since if before is None else min(job.since, before)
        if job.state is JobState.PENDING:
            if before is not None:
                since = min(before, at)
            elif earlier.complete:
                since = max(since, min(earlier.at, at))
        yield job if since == job.since else replace(job, since=since)


def dump_snapshot(shown: QueueSnapshot, now: datetime) -> dict[str, object]:
    """Return the fields of a queue that keep what it shows."""
    until = shown.until
    return {
        "read_from": datetime.fromtimestamp(shown.at, UTC),
        "answered_at": now,
        "expires_at": None if until is None else datetime.fromtimestamp(until, UTC),
        "failures": 0,
        "problem": "",
        "complete": shown.complete,
        "paused": shown.paused,
        "names_servers": shown.names_servers,
        "agents": dict(shown.agents),
        "jobs": dump_jobs(shown.jobs),
    }


def load_snapshot(queue: Queue) -> QueueSnapshot | None:
    """Return what a queue showed last, or None if it never did."""
    frame = load_frame(queue)
    if frame is None:
        return None
    jobs = tuple(
        QueueJob(job_id, JobState(state), since, labels, server, title)
        for job_id, state, since, labels, server, title in queue.jobs
    )
    return replace(frame, jobs=jobs)


def load_frame(queue: Queue) -> QueueSnapshot | None:
    """Return what a queue showed last without its jobs, which may not be loaded."""
    if queue.read_from is None:
        return None
    return QueueSnapshot(
        at=queue.read_from.timestamp(),
        jobs=(),
        complete=queue.complete,
        paused=queue.paused,
        names_servers=queue.names_servers,
        agents=queue.agents,
        until=queue.expires_at.timestamp() if queue.expires_at else None,
    )
