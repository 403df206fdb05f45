"""Which pool serves which job of a queue."""

from collections.abc import Sequence

from servers.lifecycle.pools.assigning import Candidate, assign_jobs
from servers.models import Pool, Queue
from servers.queues.base import QueueJob
from servers.queues.registry import describe_queue_kind


def match_jobs(
    queue: Queue, pools: Sequence[Pool], jobs: Sequence[QueueJob]
) -> tuple[dict[str, list[QueueJob]], list[QueueJob]]:
    """Return the jobs of each pool by its name, and those that none can run."""
    match = describe_queue_kind(queue.kind).match

    def make_candidate(pool: Pool) -> Candidate[QueueJob]:
        return Candidate(
            pool.name,
            lambda job: match(job.labels, pool.labels),
            pool.priority,
            float(pool.policy.get("price", 0.0)),
        )

    return assign_jobs(jobs, [make_candidate(pool) for pool in pools])
