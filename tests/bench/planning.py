"""The cost of planning many pools, in the environment of a service that has stopped."""

import statistics
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from django.db import connection
from django.test.utils import CaptureQueriesContext

from servers import pools
from servers.lifecycle.pools.demand import JobState
from servers.lifecycle.states import State
from servers.models import Account, Pool, Queue, Server, Template, TemplateVersion
from servers.operations.pools import save_pool
from servers.operations.queues import save_queue
from servers.queues.base import QueueJob, QueueSnapshot
from servers.records.ledger import database_now
from servers.records.snapshots import dump_snapshot

POOLS: Final = 50
EACH: Final = 100  # servers and jobs of a pool
RUNNING: Final = 80  # of the jobs
ROUNDS: Final = 9
LABEL: Final = "label.team"


def main() -> None:
    """Print the CPU of planning all pools once, in ms, and how many statements it took.

    Those that read for one pool and for all, and those that write for each.
    """
    Account.objects.update(max_servers=POOLS * EACH)
    Template.objects.update(capacity=1)
    print("PLANNING", *_measure([_make_queue("all")] * POOLS, "a"))
    Pool.objects.update(enabled=False)
    Server.objects.update(pool=None, state=State.STOPPED)
    queues = [_make_queue(f"queue-{number}") for number in range(POOLS)]
    print("PLANNING", *_measure(queues, "b"))


def _make_queue(name: str) -> Queue:
    queue = Queue(name=name, kind="drone", url="http://127.0.0.1:9")
    return save_queue(queue, credentials={"token": "t"})


def _measure(queues: Sequence[Queue], prefix: str) -> tuple[float, int, int, float]:
    made = [_make_pool(queue, f"{prefix}{n}") for n, queue in enumerate(queues)]
    for queue in set(queues):
        _show_jobs(queue, [pool for pool in made if pool.queue_id == queue.pk])
    took = []
    for _ in range(ROUNDS):
        Queue.objects.update(read_from=database_now())
        began = time.process_time()
        planned = pools.plan_pools([pool.pk for pool in made])
        took.append((time.process_time() - began) * 1000)
        assert len(planned) == POOLS
        for each in planned.values():
            assert each.figures["busy"] == RUNNING
            assert each.figures["waiting"] == EACH - RUNNING
    alone, together = _count(made[:1]), _count(made)
    writes = together["UPDATE"] + together["INSERT"]
    return statistics.median(took), alone["SELECT"], together["SELECT"], writes / POOLS


def _count(made: Sequence[Pool]) -> Counter[str]:
    with CaptureQueriesContext(connection) as caught:
        pools.plan_pools([pool.pk for pool in made])
    return Counter(query["sql"].split(maxsplit=1)[0] for query in caught)


def _make_pool(queue: Queue, name: str) -> Pool:
    template = Template.objects.get(name="default")
    pool = save_pool(
        Pool(
            name=name,
            template=template,
            queue=queue,
            labels={"os": "linux", "arch": "amd64", LABEL: name},
            policy={"max": EACH},
        )
    )
    recipe = TemplateVersion.objects.filter(template=template).latest("number")
    now = database_now()
    Server.objects.bulk_create(
        (
            Server(
                account=Account.objects.get(),
                name=f"{name}-{number:03}",
                provider="sandbox",
                image="debian-12",
                size="small",
                capacity=1,
                template=template,
                recipe=recipe,
                pool=pool,
                state=State.RUNNING,
                state_since=now,
                ready_at=now - timedelta(minutes=5),
            )
            for number in range(EACH)
        ),
        batch_size=100,
    )
    return pool


def _show_jobs(queue: Queue, of: Sequence[Pool]) -> None:
    now = database_now()
    jobs = [
        QueueJob(
            job_id=f"{pool.name}-{number}",
            state=JobState.RUNNING if number < RUNNING else JobState.PENDING,
            since=now.timestamp() - 30,
            labels={"kind": "pipeline", "type": "docker", **pool.labels},
            server=f"{pool.name}-{number:03}" if number < RUNNING else "",
            title="build 7, default",
        )
        for pool in of
        for number in range(EACH)
    ]
    shown = QueueSnapshot(now.timestamp(), tuple(jobs))
    Queue.objects.filter(pk=queue.pk).update(**dump_snapshot(shown, now))
