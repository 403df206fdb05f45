"""What is kept of a read of a queue."""

from collections.abc import Iterator
from typing import Any

import pytest

from servers import pools
from servers.models import Queue
from servers.operations.queues import save_queue
from tests.clouds.fakes.base import running
from tests.queues.fakes.woodpecker import FakeWoodpecker
from tests.support.fleet import make_fleet

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def woodpecker() -> Iterator[FakeWoodpecker]:
    with running(FakeWoodpecker(version=(3, 9))) as fake:
        yield fake


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
