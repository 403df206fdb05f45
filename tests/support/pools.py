"""A queue that has been read, and a pool that was planned, without a CI."""

from servers.models import Pool, PoolPlan, Queue, Template
from servers.operations.pools import save_pool
from servers.operations.queues import save_queue
from servers.records.ledger import database_now

URL = "https://drone.example.com"


def make_pool(*, token: str = "hush") -> Pool:
    """Create the queue *ci* and the pool *linux*, with a plan. Neither is followed."""
    now = database_now()
    queue = save_queue(
        Queue(name="ci", kind="drone", url=URL, enabled=False),
        credentials={"token": token},
    )
    Queue.objects.filter(pk=queue.pk).update(
        read_from=now,
        answered_at=now,
        counts={"pending": 1},
        jobs=[["1", "pending", now.timestamp(), {"os": "linux"}, "", "build 1"]],
    )
    pool = save_pool(
        Pool(
            name="linux",
            template=Template.objects.get(name="default"),
            queue=queue,
            labels={"os": "linux"},
            policy={"max": 5},
            enabled=False,
        )
    )
    said = ["1 waiting job; 0 free or booting slots, 0 busy."]
    figures = {"waiting": 1, "busy": 0, "servers": 0}
    Pool.objects.filter(pk=pool.pk).update(why=said, figures=figures, planned_at=now)
    PoolPlan.objects.create(pool=pool, at=now, why=said, figures=figures)
    return pool
