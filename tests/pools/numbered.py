"""Pools with numbers, and a queue that shows jobs for the servers of each."""

from typing import Any
from uuid import UUID

from servers.lifecycle.pools.demand import JobState
from servers.models import Pool, Queue, Template
from servers.operations.pools import save_pool
from servers.operations.queues import save_queue
from servers.queues.base import QueueJob, QueueSnapshot
from servers.records.ledger import database_now
from servers.records.snapshots import dump_snapshot

SLOTS = 2  # of a server


def make_queue(name: str = "ci") -> Queue:
    queue = Queue(name=name, kind="drone", url="http://127.0.0.1:9", enabled=False)
    save_queue(queue, credentials={"token": "t"})
    Queue.objects.filter(pk=queue.pk).update(enabled=True)
    return queue


def make_pool(queue: Queue, number: int, *, dry: bool = False, **policy: Any) -> Pool:
    """Create a pool that serves jobs of its own. Their ids are in order."""
    pool = Pool(
        id=UUID(int=number),
        name=f"pool-{number}",
        template=Template.objects.get(name="default"),
        queue=queue,
        labels={"os": "linux", "label.n": f"{number}"},
        policy={"max": 50, **policy},
        dry=dry,
    )
    return save_pool(pool)


def show(queue: Queue, *numbers: int) -> QueueSnapshot:
    """Have a queue show enough jobs for a server of each pool that is named."""
    now = database_now()
    jobs = [
        QueueJob(
            f"{at}-{slot}",
            JobState.PENDING,
            now.timestamp() - 1,
            {"os": "linux", "label.n": f"{number}"},
        )
        for at, number in enumerate(numbers)
        for slot in range(SLOTS)
    ]
    shown = QueueSnapshot(now.timestamp(), tuple(jobs))
    Queue.objects.filter(pk=queue.pk).update(**dump_snapshot(shown, now))
    return shown
