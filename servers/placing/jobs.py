"""Which pool serves which job of a queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class Nearest:
    """The pool that comes nearest to a job that no enabled pool can run.

    ``missing`` are labels that the job asks for and the pool lacks, and ``demanded``
    those that the pool's servers ask of each job and this one lacks. Both are empty if
    the pool is only disabled. ``pool`` is None if there is none.
    """

    pool: Pool | None = None
    missing: tuple[str, ...] = ()
    demanded: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The pool's name, or ""."""
        return self.pool.name if self.pool else ""


def find_nearest(queue: Queue, pools: Sequence[Pool], labels: Labels) -> Nearest:
    """Return the pool that differs from a job in the fewest labels.

    Of several, an enabled one comes first.
    """
    kind = describe_queue_kind(queue.kind)
    found = [
        Nearest(
            pool,
            tuple(kind.list_missing(labels, pool.labels)),
            tuple(kind.list_demanded(labels, pool.labels)),
        )
        for pool in pools
    ]

    def rank(each: Nearest) -> tuple[int, bool]:
        is_disabled = each.pool is not None and not each.pool.enabled
        return len(each.missing) + len(each.demanded), is_disabled

    return min(found, key=rank, default=Nearest())


def sort_of(labels: Mapping[str, str]) -> _Key:
    """Return what is equal for jobs that ask for the same."""
    return tuple(sorted(labels.items()))
