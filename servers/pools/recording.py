"""The record of a queue's jobs, from one snapshot to the next.

Nothing of a job is kept that names it: its id is hashed, and its title left out. What
happened between two reads has the time of the second, so the record is as exact as the
queue is read often.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from servers.lifecycle.pools.demand import JobState
from servers.models import Pool, PoolJob, Queue
from servers.placing.jobs import match_jobs
from servers.queues.base import QueueJob, QueueSnapshot

BATCH: Final = 500
# After a longer silence of the queue, nobody knows when a job ended. It then counts as
# ended when it was last seen.
LONGEST_GAP: Final = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Changes:
    """What differs between two snapshots, by the keys of jobs."""

    new: Mapping[str, QueueJob]
    freed: Sequence[str]  # held back before, and no longer
    started: Mapping[str, QueueJob]
    ended: Sequence[str]


def find_changes(
    queue: Queue, before: QueueSnapshot | None, after: QueueSnapshot
) -> Changes:
    """Compare two snapshots. An incomplete one ends no job."""
    old = {} if before is None else {job.job_id: job for job in before.jobs}
    now = {job.job_id: job for job in after.jobs}
    gone = old.keys() - now.keys() if after.complete else ()
    return Changes(
        new={
            hash_job(queue, name): job for name, job in now.items() if name not in old
        },
        freed=[
            hash_job(queue, name)
            for name, job in now.items()
            if job.state is not JobState.HELD
            and name in old
            and old[name].state is JobState.HELD
        ],
        started={
            hash_job(queue, name): job
            for name, job in now.items()
            if job.state is JobState.RUNNING
            and name in old
            and (old[name].state, old[name].server) != (job.state, job.server)
        },
        ended=[hash_job(queue, name) for name in gone],
    )


def hash_job(queue: Queue, job_id: str) -> str:
    """Return the key of a job: 32 hex digits."""
    text = f"{queue.pk}\0{job_id}"
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:32]


def record_changes(
    queue: Queue, before: QueueSnapshot | None, after: QueueSnapshot
) -> None:
    """Write what a new snapshot shows. Runs in the caller's transaction.

    The number of queries grows only with batches of changed jobs.
    """
    found = find_changes(queue, before, after)
    _add(queue, found.new)
    if before is not None:
        # Until now, no server would have helped them, so they did not wait for one.
        freed_at = datetime.fromtimestamp(before.at, UTC)
        for keys in _batch(found.freed):
            rows = PoolJob.objects.filter(queue=queue, key__in=keys)
            rows.update(queued_at=freed_at)
    _start(queue, found.started)
    at = datetime.fromtimestamp(after.at, UTC)
    if before is not None and before.at < after.at - LONGEST_GAP.total_seconds():
        at = datetime.fromtimestamp(before.at, UTC)
    for keys in _batch(found.ended):
        PoolJob.objects.filter(queue=queue, key__in=keys, ended_at=None).update(
            ended_at=at
        )


def _add(queue: Queue, jobs: Mapping[str, QueueJob]) -> None:
    if not jobs:
        return
    owners = _find_owners(queue, list(jobs.values()))
    rows = [
        PoolJob(
            queue=queue,
            key=key,
            pool=owners.get(id(job)),
            labels=dict(job.labels),
            queued_at=_at(job),
            started_at=_at(job) if job.state is JobState.RUNNING else None,
            server=job.server[:63],
        )
        for key, job in jobs.items()
    ]
    PoolJob.objects.bulk_create(rows, batch_size=BATCH, ignore_conflicts=True)
    # A job that was out of sight for a while is in the record already.
    running = {k: job for k, job in jobs.items() if job.state is JobState.RUNNING}
    _start(queue, running)


def _find_owners(queue: Queue, jobs: Sequence[QueueJob]) -> dict[int, Pool]:
    """Return the pool of each job that one can serve, by the job's identity."""
    pools = list(Pool.objects.filter(queue=queue, enabled=True))
    matched, _ = match_jobs(queue, pools, jobs)
    by_name = {pool.name: pool for pool in pools}
    return {id(job): by_name[name] for name, found in matched.items() for job in found}


def _start(queue: Queue, jobs: Mapping[str, QueueJob]) -> None:
    for keys in _batch(list(jobs)):
        rows = list(PoolJob.objects.filter(queue=queue, key__in=keys))
        # Those that came before any pool could serve them.
        strays = [jobs[row.key] for row in rows if row.pool_id is None]
        owners = _find_owners(queue, strays) if strays else {}
        for row in rows:
            job = jobs[row.key]
            if id(job) in owners:
                row.pool = owners[id(job)]
            row.started_at = row.started_at or max(_at(job), row.queued_at)
            row.server = job.server[:63] or row.server
            row.ended_at = None
        # An upsert takes a fraction of the CPU of bulk_update, which compares every id
        # once for each column. If a row was purged meanwhile, it will be again.
        PoolJob.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["pool", "started_at", "server", "ended_at"],
        )


def _at(job: QueueJob) -> datetime:
    return datetime.fromtimestamp(job.since, UTC)


def _batch(keys: Sequence[str]) -> list[Sequence[str]]:
    return [keys[start : start + BATCH] for start in range(0, len(keys), BATCH)]
