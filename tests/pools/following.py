"""A pool that follows a fake of Drone."""

from typing import Any

from servers import pools
from servers.models import Pool, Queue, Template
from servers.operations.pools import save_pool
from servers.operations.queues import save_queue
from tests.queues.fakes.drone import FakeDrone

QUICK = {"idle": 0.2, "cooldown": 0.0}


def make_queue(drone: FakeDrone, name: str = "ci") -> Queue:
    queue = Queue(name=name, kind="drone", url=drone.url, options={"poll": 0.1})
    return save_queue(queue, credentials={"token": "token-one"})


def make_pool(queue: Queue, name: str = "linux", **policy: Any) -> Pool:
    template = Template.objects.get(name="default")
    pool = Pool(
        name=name,
        template=template,
        queue=queue,
        labels={"os": "linux", "arch": "amd64"},
        policy={**QUICK, **policy},
    )
    return save_pool(pool)


def plan_now(pool: Pool) -> list[str]:
    """Read the queue, plan the pool, and return what it says."""
    pools.read_queue(pool.queue_id)
    pools.plan_pools([pool.pk])
    why: list[str] = Pool.objects.get(pk=pool.pk).why
    return why
