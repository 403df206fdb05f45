"""Which pool serves which job of a queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from servers.lifecycle.pools.assigning import Candidate, assign_jobs
from servers.models import Pool, Queue, Template
from servers.placing.registrations import explain_unregistered
from servers.queues.base import Labels, QueueJob
from servers.queues.registry import describe_queue_kind

MAX_TEMPLATES: Final = 100
_Key = tuple[tuple[str, str], ...]
_READ: Final = ("name", "labels", "agent", "agent_image", "agent_environment")


def match_jobs(
    queue: Queue,
    pools: Sequence[Pool],
    jobs: Sequence[QueueJob],
    *,
    as_if_live: bool = False,
) -> tuple[dict[str, list[QueueJob]], list[QueueJob]]:
    """Return the jobs of each pool by its name, and those that none can run.

    Dry pools get only jobs that no other pool can run. With ``as_if_live``, all pools
    count as live.
    """
    kind = describe_queue_kind(queue.kind)

    def make_candidate(pool: Pool) -> Candidate[QueueJob]:
        return Candidate(
            pool.name,
            lambda job: kind.match(job.labels, pool.labels),
            pool.priority,
            float(pool.policy.get("price", 0.0)),
            dry=pool.dry and not as_if_live,
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
    """What comes nearest to a job that no enabled pool can run.

    It is a pool, a template that no pool of the queue uses, or neither. ``missing`` are
    labels that the job asks for and that lacks, and ``demanded`` those that the pool's
    servers ask of each job and this one lacks. Both are empty if the pool is only
    disabled, or if there could be one of the template.
    """

    pool: Pool | None = None
    template: Template | None = None
    missing: tuple[str, ...] = ()
    demanded: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The pool's name, or ""."""
        return self.pool.name if self.pool else ""


def list_unused(queue: Queue) -> list[Template]:
    """Return templates that no pool of a queue uses, and whose agents suit it.

    The default template first, and at most MAX_TEMPLATES. One query.
    """
    suiting = describe_queue_kind(queue.kind).agent
    rows = Template.objects.exclude(pools__queue=queue.pk).only(*_READ)
    return [
        template
        for template in rows.order_by("-is_default", "name")[:MAX_TEMPLATES]
        if (not suiting or template.agent_kind in {suiting, "own", "none"})
        and not explain_unregistered(template, queue)
    ]


def find_nearest(
    queue: Queue,
    pools: Sequence[Pool],
    labels: Labels,
    templates: Sequence[Template] = (),
) -> Nearest:
    """Return the pool that differs from a job in the fewest labels.

    Of several, an enabled one comes first. One of ``templates`` has to differ in fewer
    labels than every pool, and to have some label that the job asks for: what it does
    not name, it need not have.
    """
    kind = describe_queue_kind(queue.kind)
    found = [
        Nearest(
            pool,
            missing=tuple(kind.list_missing(labels, pool.labels)),
            demanded=tuple(kind.list_demanded(labels, pool.labels)),
        )
        for pool in pools
    ]
    found += [
        Nearest(
            template=template,
            missing=tuple(kind.list_missing(labels, template.labels)),
        )
        for template in templates
        if labels.items() & template.labels.items()
    ]

    def rank(each: Nearest) -> tuple[int, bool, bool]:
        is_disabled = each.pool is not None and not each.pool.enabled
        differs = len(each.missing) + len(each.demanded)
        return differs, each.pool is None, is_disabled

    return min(found, key=rank, default=Nearest())


def sort_of(labels: Mapping[str, str]) -> _Key:
    """Return what is equal for jobs that ask for the same."""
    return tuple(sorted(labels.items()))
