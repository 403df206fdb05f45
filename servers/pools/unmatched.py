"""The jobs of a queue that no pool can run, summed up for people."""

from collections.abc import Mapping, Sequence
from typing import Any, Final
from uuid import UUID

from servers.lifecycle.pools.demand import JobState
from servers.models import Pool, Queue, Template
from servers.placing.jobs import Nearest, find_nearest, list_unused, match_jobs, sort_of
from servers.queues.base import QueueJob, QueueSnapshot

MAX_SORTS: Final = 5
MAX_LABELS: Final = 10
MAX_LETTERS: Final = 100  # of a label
PATIENCE: Final = 60.0  # seconds


def describe_unmatched(
    queue: Queue, pools: Sequence[Pool], shown: QueueSnapshot
) -> list[dict[str, Any]]:
    """Return the sorts of jobs that wait in vain for a pool, as JSON.

    ``pools`` are all that follow the queue, even disabled ones, which can be the
    nearest. Servers of others may take a job, so it counts only after PATIENCE. The
    most numerous first, at most MAX_SORTS. Each has its labels, how many jobs there are
    and since when, the nearest pool and its template, and which labels are missing. The
    pool is "" if a template that none of them uses is nearer. Two queries if there are
    any, else none.
    """
    before = shown.at - PATIENCE
    waiting = [
        job
        for job in shown.jobs
        if job.state is JobState.PENDING and job.since <= before
    ]
    _, unmatched = match_jobs(queue, [each for each in pools if each.enabled], waiting)
    sorts: dict[Any, list[QueueJob]] = {}
    for job in unmatched:
        sorts.setdefault(sort_of(job.labels), []).append(job)
    most = sorted(sorts.values(), key=len, reverse=True)[:MAX_SORTS]
    unused = list_unused(queue) if most else []
    found = [
        (jobs, find_nearest(queue, pools, jobs[0].labels, unused)) for jobs in most
    ]
    keys = {near.pool.template_id for _, near in found if near.pool}
    names = (
        dict(Template.objects.filter(pk__in=keys).values_list("pk", "name"))
        if keys
        else {}
    )
    return [_describe(jobs, near, names) for jobs, near in found]


def _describe(
    jobs: Sequence[QueueJob], near: Nearest, templates: Mapping[UUID, str]
) -> dict[str, Any]:
    labels, pool = jobs[0].labels, near.pool
    template = near.template.name if near.template else ""
    asked = [f"{name}={text}" if text else name for name, text in labels.items()]
    return {
        "labels": _shorten(asked),
        "count": len(jobs),
        "since": min(job.since for job in jobs),
        "pool": near.name,
        "template": templates.get(pool.template_id, "") if pool else template,
        "enabled": pool is None or pool.enabled,
        "missing": _shorten(near.missing),
        "demanded": _shorten(near.demanded),
    }


def _shorten(labels: Sequence[str]) -> list[str]:
    return [label[:MAX_LETTERS] for label in labels[:MAX_LABELS]]
