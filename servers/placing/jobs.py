"""Which pool serves which job of a queue."""

from collections.abc import Mapping, Sequence

from servers.lifecycle.pools.assigning import Candidate, assign_jobs
from servers.models import Pool, Queue
from servers.queues.base import Labels, QueueJob
from servers.queues.registry import describe_queue_kind

_Key = tuple[tuple[str, str], ...]


def match_jobs(
    queue: Queue, pools: Sequence[Pool], jobs: Sequence[QueueJob]
) -> tuple[dict[str, list[QueueJob]], list[QueueJob]]:
    """Return the jobs of each pool by its name, and those that none can run."""
    kind = describe_queue_kind(queue.kind)

    def make_candidate(pool: Pool) -> Candidate[QueueJob]:
        return Candidate(
            pool.name,
            lambda job: kind.match(job.labels, pool.labels),
            pool.priority,
            float(pool.policy.get("price", 0.0)),
        )

    # Of thousands of jobs most ask for the same, so one of each sort is matched.
    sorts = {sort_of(job.labels): job for job in jobs}
    matched, _ = assign_jobs(sorts.values(), [make_candidate(pool) for pool in pools])
    owners = {
        sort_of(job.labels): name for name, found in matched.items() for job in found
    }
    found: dict[str, list[QueueJob]] = {pool.name: [] for pool in pools}
    unmatched: list[QueueJob] = []
    for job in jobs:
        owner = owners.get(sort_of(job.labels))
        (unmatched if owner is None else found[owner]).append(job)
    return found, unmatched


def find_nearest(
    queue: Queue, pools: Sequence[Pool], labels: Labels
) -> tuple[str, list[str]]:
    """Return the pool that lacks the fewest labels of a job, and which it lacks.

    ("", []) if there is no pool.
    """
    list_missing = describe_queue_kind(queue.kind).list_missing
    lacking = [(pool.name, list_missing(labels, pool.labels)) for pool in pools]
    return min(lacking, key=lambda each: len(each[1]), default=("", []))


def sort_of(labels: Mapping[str, str]) -> _Key:
    """Return what is equal for jobs that ask for the same."""
    return tuple(sorted(labels.items()))
