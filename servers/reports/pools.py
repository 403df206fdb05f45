"""Which jobs of a queue are whose, for people."""

from collections.abc import Sequence
from typing import Any

from servers.models import Pool, Queue
from servers.placing.jobs import match_jobs
from servers.queues.base import QueueJob
from servers.queues.registry import describe_queue_kind


def show_jobs(queue: Queue, jobs: Sequence[QueueJob]) -> list[dict[str, Any]]:
    """Return jobs with the pool that serves each, or what the nearest pool lacks."""
    pools = list(Pool.objects.filter(queue=queue.pk, enabled=True))
    matched, _ = match_jobs(queue, pools, jobs)
    owner = {id(job): name for name, found in matched.items() for job in found}
    kind, shown = describe_queue_kind(queue.kind), []
    for job in jobs:
        name = owner.get(id(job), "")
        lacking = [kind.list_missing(job.labels, pool.labels) for pool in pools]
        missing = min(lacking, key=len, default=[]) if not name else []
        shown.append({"job": job, "pool": name, "missing": missing})
    return shown
