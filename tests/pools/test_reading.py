"""What is kept of a read of a queue."""

from collections.abc import Iterator
from typing import Any

import pytest

from servers import pools
from servers.models import Pool, Queue, Server, Template
from servers.operations.pools import save_pool
from servers.operations.queues import save_queue
from tests.clouds.fakes.base import running
from tests.queues.fakes.forgejo import FakeForgejo
from tests.queues.fakes.woodpecker import FakeWoodpecker
from tests.support.fleet import Workshop, make_fleet

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def woodpecker() -> Iterator[FakeWoodpecker]:
    with running(FakeWoodpecker(version=(3, 9))) as fake:
        yield fake


def test_a_forgejo_s_idle_server_goes_while_another_is_busy(
    workshop: Workshop,
) -> None:
    make_fleet()
    with running(FakeForgejo()) as forgejo:
        options = {"poll": 0.1}
        queue = Queue(name="ci", kind="forgejo", url=forgejo.origin, options=options)
        queue = save_queue(queue, credentials={"token": "token-one"})
        policy = {"min": 2, "idle": 0.2, "cooldown": 0.0}
        template = Template.objects.get(name="default")
        labels = {"docker": ""}
        made = Pool(
            name="linux", template=template, queue=queue, labels=labels, policy=policy
        )
        pool = save_pool(made)
        workshop.run_until(
            lambda: Server.objects.filter(state="running", pool=pool).count() == 2
        )
        busy, idle = Server.objects.order_by("name")
        forgejo.add("running")
        forgejo.register(busy.name, active=True)
        forgejo.register(idle.name)

        def is_seen() -> bool:
            jobs = Queue.objects.get(pk=queue.pk).jobs
            return any(job[1] == "running" for job in jobs)

        # Before, both look idle, and a plan may cordon either.
        workshop.run_until(is_seen)
        pool.policy = {**policy, "min": 0}
        save_pool(pool)
        workshop.run_to("stopped", idle)
        busy.refresh_from_db()
        assert (busy.state, busy.cordoned) == ("running", False)


def read_jobs(queue: Queue) -> dict[str, list[Any]]:
    pools.read_queue(queue.pk)
    found = Queue.objects.get(pk=queue.pk)
    assert found.problem == ""
    return {job[0]: job for job in found.jobs}


def test_a_job_whose_ci_tells_no_time_waits_since_it_was_first_seen(
    woodpecker: FakeWoodpecker,
) -> None:
    make_fleet()
    queue = Queue(name="ci", kind="woodpecker", url=woodpecker.url)
    queue = save_queue(queue, credentials={"token": "token-one"})
    task = woodpecker.add()
    first = read_jobs(queue)[task]
    later = woodpecker.add()
    second = read_jobs(queue)
    assert second[task] == first
    assert second[later][2] > first[2]
    woodpecker.start(task, woodpecker.connect("agent-1"))
    assert read_jobs(queue)[task][2] > second[later][2]
