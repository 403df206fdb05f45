"""What a queue's snapshot means for one of its pools."""

from collections import Counter
from collections.abc import Sequence

from servers.lifecycle.pools.demand import Demand, Job, JobState
from servers.lifecycle.pools.shadow import Seen
from servers.models import Pool, Queue
from servers.placing.jobs import match_jobs
from servers.queues.base import QueueSnapshot
from servers.records.snapshots import load_snapshot


def read_demand(queue: Queue, pool: Pool, pools: Sequence[Pool]) -> Demand | None:
    """Return what a queue's last snapshot shows for one of its pools, or None.

    Running jobs count for a pool by the server that they run on, so all of them are
    passed on: the plan leaves out those of others.
    """
    shown = load_snapshot(queue)
    if shown is None or not queue.enabled:
        return None
    return build_demand(queue, shown, pool, pools)


def see_running(queue: Queue, pool: Pool, pools: Sequence[Pool]) -> Seen:
    """Return what a queue's last snapshot shows of a pool's running jobs.

    Which pool an idle agent is for, nobody says: agents count only for a lone pool.
    """
    shown = load_snapshot(queue)
    if shown is None:
        return Seen()
    running = [job for job in shown.jobs if job.state is JobState.RUNNING]
    matched, _ = match_jobs(queue, pools, running)
    return Seen(
        Counter(job.server for job in matched[pool.name]),
        shown.agents if len(pools) == 1 else {},
    )


def build_demand(
    queue: Queue, shown: QueueSnapshot, pool: Pool, pools: Sequence[Pool]
) -> Demand:
    """Return a pool's share of a snapshot."""
    running = [job for job in shown.jobs if job.state is JobState.RUNNING]
    waiting = [job for job in shown.jobs if job.state is not JobState.RUNNING]
    matched, _ = match_jobs(queue, pools, waiting)
    if not shown.names_servers:
        running = match_jobs(queue, pools, running)[0][pool.name]
    return Demand(
        at=shown.at,
        jobs=tuple(
            Job(job.job_id, job.state, job.since, job.server)
            for job in (*matched[pool.name], *running)
        ),
        complete=shown.complete,
        paused=shown.paused,
        names_servers=shown.names_servers,
        until=shown.until,
    )
