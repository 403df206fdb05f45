"""Which jobs of a queue are whose, for people."""

from collections.abc import Sequence
from typing import Any

from servers.models import Pool, Queue
from servers.placing.jobs import (
    Nearest,
    find_nearest,
    list_unused,
    match_jobs,
    sort_of,
)
from servers.queues.base import QueueJob


def show_jobs(
    queue: Queue, jobs: Sequence[QueueJob], pools: Sequence[Pool] | None = None
) -> list[dict[str, Any]]:
    """Return jobs with the pool that serves each, or why the nearest pool does not.

    ``pools`` are those to consider; None for all of the queue that are enabled. If a
    template that no pool of the queue uses is nearer, it is named instead. Two queries
    at most.
    """
    if pools is None:
        pools = list(Pool.objects.filter(queue=queue.pk, enabled=True))
    matched, _ = match_jobs(queue, pools, jobs)
    owner = {id(job): name for name, found in matched.items() for job in found}
    nearest: dict[Any, Nearest] = {}
    unmatched = {sort_of(job.labels): job for job in jobs if id(job) not in owner}
    unused = list_unused(queue) if unmatched else []
    for sort, job in unmatched.items():
        nearest[sort] = find_nearest(queue, pools, job.labels, unused)
    shown = []
    for job in jobs:
        name = owner.get(id(job), "")
        near = Nearest() if name else nearest[sort_of(job.labels)]
        shown.append(
            {
                "job": job,
                "pool": name,
                "nearest": near.name,
                "template": near.template.name if near.template else "",
                "missing": list(near.missing),
                "demanded": list(near.demanded),
            }
        )
    return shown
