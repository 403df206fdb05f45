"""A pool of the sandbox serves the example queue, from nothing to jobs that end."""

import pytest

from servers.models import Pool, PoolJob, Queue, Server, Template
from servers.operations.pools import save_pool
from servers.operations.queues import save_queue
from tests.support.fleet import Workshop, make_fleet

pytestmark = [pytest.mark.django_db(transaction=True)]


def test_a_pool_follows_the_example_queue_and_its_jobs_run_and_end(
    workshop: Workshop,
) -> None:
    make_fleet()
    options = {"every": 5, "seconds": 1, "jobs": 3, "poll": 0.1}
    queue = save_queue(Queue(name="example", kind="example", options=options))
    pool = save_pool(
        Pool(
            name="try",
            template=Template.objects.get(name="default"),
            queue=queue,
            labels={"os": "linux"},
            policy={"max": 4, "idle": 0.2, "cooldown": 0},
        )
    )
    workshop.run_until(
        lambda: PoolJob.objects.filter(pool=pool, ended_at__isnull=False).exists()
    )
    served = PoolJob.objects.filter(started_at__isnull=False)
    names = set(Server.objects.filter(pool=pool).values_list("name", flat=True))
    assert {job.server for job in served} <= names
    assert 1 <= len(names) <= 8
    save_queue(Queue.objects.get(pk=queue.pk))
    Queue.objects.filter(pk=queue.pk).update(options={**options, "every": 80_000})
    workshop.run_until(
        lambda: not Server.objects.filter(pool=pool).exclude(state="stopped").exists()
    )
