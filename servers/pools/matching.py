"""What a queue's snapshot means for its pools.

All pools of a queue plan by the same snapshot. To read and match its thousands of jobs
again for each of fifty pools would cost more than all the rest of their plans, so each
process keeps how it divided the latest ones. What it keeps is looked up by the snapshot
and by all that matching depends on, so a change of either is seen at once.
"""

import threading
from collections import Counter, OrderedDict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from django.db.models import TextField
from django.db.models.functions import Cast

from servers.lifecycle.pools.demand import Demand, Job, JobState
from servers.lifecycle.pools.shadow import Seen
from servers.models import Pool, Queue
from servers.placing.jobs import match_jobs, sort_of
from servers.queues.base import QueueJob, QueueSnapshot
from servers.records.snapshots import load_frame, load_snapshot

MAX_KEPT: Final = 100_000  # jobs


@dataclass(frozen=True, slots=True)
class Shares:
    """A snapshot, divided among the pools of its queue.

    Running jobs count for a pool by the server that they run on, if the CI names it.
    ``doubtful`` names the pools whose servers may run a job that names no server.
    ``running`` is for dry pools, and empty without one: by the pool's name, how many of
    its jobs each server runs, whoever's it is.
    """

    frame: QueueSnapshot  # without its jobs
    on_servers: Mapping[str, tuple[Job, ...]]  # by the server's name
    own: Mapping[str, tuple[Job, ...]]  # all others, by the pool's name
    doubtful: frozenset[str]
    running: Mapping[str, Mapping[str, int]]
    is_alone: bool  # whether the queue has one pool only

    def find_demand(self, pool: Pool, servers: Iterable[str]) -> Demand:
        """Return the share of a pool that has these servers."""
        shown = self.frame
        running = (job for name in servers for job in self.on_servers.get(name, ()))
        return Demand(
            at=shown.at,
            jobs=(*self.own.get(pool.name, ()), *running),
            complete=shown.complete,
            paused=shown.paused,
            names_servers=shown.names_servers,
            elsewhere=pool.name in self.doubtful,
            until=shown.until,
        )

    def see_running(self, pool: Pool) -> Seen:
        """Return what is seen of the running jobs of a dry pool.

        Which pool an idle agent is for, nobody says: agents count only for a lone pool.
        """
        agents = self.frame.agents if self.is_alone else {}
        return Seen(self.running.get(pool.name, {}), agents)


def divide_snapshot(
    queue: Queue, shown: QueueSnapshot, pools: Sequence[Pool]
) -> Shares:
    """Divide a snapshot among all pools that a queue has."""
    on_servers: dict[str, list[QueueJob]] = {}
    others = []
    for job in shown.jobs:
        if job.state is JobState.RUNNING and (job.server or shown.names_servers):
            on_servers.setdefault(job.server, []).append(job)
        else:
            others.append(job)
    matched, _ = match_jobs(queue, pools, others)
    dry = {pool.name for pool in pools if pool.dry}
    if dry and len(dry) < len(pools):
        # They say what they would do if they were live.
        would, _ = match_jobs(queue, pools, others, as_if_live=True)
        matched |= {name: jobs for name, jobs in would.items() if name in dry}
    return Shares(
        frame=replace(shown, jobs=()),
        on_servers={name: _convert(jobs) for name, jobs in on_servers.items()},
        own={name: _convert(jobs) for name, jobs in matched.items()},
        doubtful=_find_doubtful(queue, others, pools),
        running=_count_running(queue, shown, pools),
        is_alone=len(pools) == 1,
    )


def _find_doubtful(
    queue: Queue, jobs: Sequence[QueueJob], pools: Sequence[Pool]
) -> frozenset[str]:
    """Return the pools that could serve a running job that names no server.

    The job counts for one of them, but its server may belong to any of them.
    """
    running = [job for job in jobs if job.state is JobState.RUNNING]
    sorts = list({sort_of(job.labels): job for job in running}.values())
    return frozenset(
        pool.name for pool in pools if match_jobs(queue, [pool], sorts)[0][pool.name]
    )


def _count_running(
    queue: Queue, shown: QueueSnapshot, pools: Sequence[Pool]
) -> dict[str, Counter[str]]:
    if not any(pool.dry for pool in pools):
        return {}
    running = [job for job in shown.jobs if job.state is JobState.RUNNING]
    matched, _ = match_jobs(queue, pools, running, as_if_live=True)
    return {name: Counter(job.server for job in jobs) for name, jobs in matched.items()}


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


def read_shares(queues: Iterable[Queue]) -> dict[UUID, Shares | Exception]:
    """Return how the last snapshot of each queue is divided, by queue.

    A queue that has shown nothing is left out, and so is a disabled one. One whose
    snapshot can't be divided has the error, so that it does not hold up the others. The
    jobs themselves need not be loaded on ``queues``. One query for all, or three if
    this process has not divided each of the snapshots yet.
    """
    frames = {
        queue.pk: (queue.answered_at, frame)
        for queue in queues
        if queue.enabled and (frame := load_frame(queue)) is not None
    }
    if not frames:
        return {}
    given = _describe_pools(frames)
    found: dict[UUID, Shares | Exception] = {}
    for pk, (answered_at, frame) in frames.items():
        if shares := _kept.find(pk, (answered_at, given[pk])):
            found[pk] = replace(shares, frame=frame)
    if missing := frames.keys() - found.keys():
        found |= _divide(missing, given)
    return found


def _describe_pools(queues: Collection[UUID]) -> dict[UUID, tuple[Hashable, ...]]:
    """Return what matching depends on of the pools of each queue. One query."""
    rows = Pool.objects.filter(queue__in=queues, enabled=True).order_by("pk")
    given: dict[UUID, tuple[Hashable, ...]] = dict.fromkeys(queues, ())
    # As text, since to compare it is all that most plans do with it.
    for queue, *values in rows.values_list(
        "queue",
        "name",
        "priority",
        "dry",
        Cast("labels", TextField()),
        Cast("policy", TextField()),
    ):
        given[queue] = (*given[queue], *values)
    return given


def _divide(
    queues: Collection[UUID], given: Mapping[UUID, Hashable]
) -> dict[UUID, Shares | Exception]:
    """Divide snapshots that this process does not know yet. Two queries."""
    pools: dict[UUID, list[Pool]] = {pk: [] for pk in queues}
    for pool in Pool.objects.filter(queue__in=queues, enabled=True).order_by("pk"):
        pools[pool.queue_id].append(pool)
    found: dict[UUID, Shares | Exception] = {}
    # One after the other: each can have thousands of jobs.
    for queue in Queue.objects.filter(pk__in=queues).iterator(chunk_size=1):
        try:
            shown = load_snapshot(queue)
            if shown is None:
                continue
            shares = divide_snapshot(queue, shown, pools[queue.pk])
        except Exception as error:  # noqa: BLE001 - raised for each pool of the queue
            found[queue.pk] = error
        else:
            found[queue.pk] = shares
            _kept.keep(queue.pk, (queue.answered_at, given[queue.pk]), shares)
    return found
