"""What a queue's snapshot means for its pools.

All pools of a queue plan by the same snapshot. To read and match its thousands of jobs
again for each of fifty pools would cost more than all the rest of their plans, so each
process keeps how it divided the latest ones. What it keeps is looked up by the snapshot
and by all that matching depends on, so a change of either is seen at once.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from django.db.models import TextField
from django.db.models.functions import Cast

from servers.lifecycle.pools.demand import Demand, Job, JobState
from servers.lifecycle.pools.shadow import Seen
from servers.models import Pool, Queue
from servers.placing.jobs import match_jobs
from servers.queues.base import QueueJob, QueueSnapshot
from servers.records.snapshots import load_frame, load_snapshot

MAX_KEPT: Final = 100_000  # jobs


@dataclass(frozen=True, slots=True)
class Shares:
    """A snapshot, divided among the pools of its queue.

    Running jobs count for a pool by the server that they run on, if the CI names it.
    """

    on_servers: Mapping[str, tuple[Job, ...]]  # by the server's name
    own: Mapping[str, tuple[Job, ...]]  # all others, by the pool's name

    def find_demand(
        self, pool: Pool, servers: Iterable[str], shown: QueueSnapshot
    ) -> Demand:
        """Return the share of a pool that has these servers.

        Of the snapshot only its jobs are not needed here.
        """
        running = (job for name in servers for job in self.on_servers.get(name, ()))
        return Demand(
            at=shown.at,
            jobs=(*self.own.get(pool.name, ()), *running),
            complete=shown.complete,
            paused=shown.paused,
            names_servers=shown.names_servers,
            until=shown.until,
        )


def divide_snapshot(
    queue: Queue, shown: QueueSnapshot, pools: Sequence[Pool]
) -> Shares:
    """Divide a snapshot among all pools that a queue has."""
    on_servers: dict[str, list[QueueJob]] = {}
    others = []
    for job in shown.jobs:
        if shown.names_servers and job.state is JobState.RUNNING:
            on_servers.setdefault(job.server, []).append(job)
        else:
            others.append(job)
    matched, _ = match_jobs(queue, pools, others)
    return Shares(
        on_servers={name: _convert(jobs) for name, jobs in on_servers.items()},
        own={name: _convert(jobs) for name, jobs in matched.items()},
    )


def _convert(jobs: Sequence[QueueJob]) -> tuple[Job, ...]:
    return tuple(Job(job.job_id, job.state, job.since, job.server) for job in jobs)


class _Kept:
    """The latest shares of each queue. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shares: OrderedDict[UUID, tuple[Hashable, Shares]] = OrderedDict()

    def find(self, queue_pk: UUID, key: Hashable) -> Shares | None:
        with self._lock:
            known, shares = self._shares.get(queue_pk, (None, None))
            if known != key:
                return None
            self._shares.move_to_end(queue_pk)
            return shares

    def keep(self, queue_pk: UUID, key: Hashable, shares: Shares) -> None:
        with self._lock:
            self._shares.pop(queue_pk, None)
            self._shares[queue_pk] = key, shares
            while self._count() > MAX_KEPT and len(self._shares) > 1:
                self._shares.popitem(last=False)

    def _count(self) -> int:
        return sum(
            len(jobs)
            for _, shares in self._shares.values()
            for each in (shares.on_servers, shares.own)
            for jobs in each.values()
        )


_kept: Final = _Kept()


def read_demand(pool: Pool, servers: Iterable[str]) -> Demand | None:
    """Return what its queue's last snapshot shows for a pool of these servers, or None.

    The jobs themselves need not be loaded on ``pool.queue``. One query, or three if
    this process has not divided the snapshot yet.
    """
    queue = pool.queue
    shown = load_frame(queue)
    if shown is None or not queue.enabled:
        return None
    rivals = Pool.objects.filter(queue=queue.pk, enabled=True).order_by("pk")
    # As text, since to compare it is all that most plans do with it.
    given = tuple(
        rivals.values_list(
            "name",
            "priority",
            Cast("labels", TextField()),
            Cast("policy", TextField()),
        )
    )
    shares = _kept.find(queue.pk, (queue.answered_at, given))
    if shares is None:
        whole = Queue.objects.filter(pk=queue.pk).first()
        shown = load_snapshot(whole) if whole else None
        if whole is None or shown is None:
            return None
        shares = divide_snapshot(whole, shown, list(rivals))
        _kept.keep(queue.pk, (whole.answered_at, given), shares)
    return shares.find_demand(pool, servers, shown)


def see_running(pool: Pool) -> Seen:
    """Return what the last snapshot of a pool's queue shows of its running jobs.

    Which pool an idle agent is for, nobody says: agents count only for a lone pool.
    """
    queue = Queue.objects.get(pk=pool.queue_id)
    shown = load_snapshot(queue)
    if shown is None:
        return Seen()
    pools = list(Pool.objects.filter(queue=queue, enabled=True))
    running = [job for job in shown.jobs if job.state is JobState.RUNNING]
    matched, _ = match_jobs(queue, pools, running)
    return Seen(
        Counter(job.server for job in matched.get(pool.name, ())),
        shown.agents if len(pools) == 1 else {},
    )
