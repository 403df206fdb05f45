"""What is kept of a read of a queue."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from servers import pools
from servers.models import Fleet, Pool, Queue, Server, Template
from servers.operations.pools import save_pool
from servers.operations.queues import save_queue
from servers.pools import cordons, reader
from servers.pools.holding import LEASE, claim_queue
from servers.reconciler import tick
from servers.records.ledger import database_now
from tests.clouds.fakes.base import running
from tests.queues.fakes.forgejo import FakeForgejo
from tests.queues.fakes.gitlab import FakeGitLab
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


def test_white_space_around_a_value_is_not_sent() -> None:
    make_fleet()
    with running(FakeGitLab()) as gitlab:
        job = gitlab.add()
        queue = Queue(name="ci", kind="gitlab", url=gitlab.url)
        queue.options = {"group": " acme\n"}
        queue = save_queue(queue, credentials={"token": " token-one "})
        assert read_jobs(queue).keys() == {str(job)}


def test_a_process_that_dies_in_a_call_keeps_the_queue_for_little_longer(
    woodpecker: FakeWoodpecker,
) -> None:
    make_fleet()
    queue = Queue(name="ci", kind="woodpecker", url=woodpecker.url)
    queue = save_queue(queue, credentials={"token": "token-one"})
    seconds = LEASE.total_seconds()
    longest = max(reader.CALL_SECONDS, cordons.CALL_SECONDS)
    assert longest + 5 <= seconds <= longest * 2
    held = claim_queue(queue.pk)
    assert held is not None
    # Between two calls the lease begins anew.
    Queue.objects.update(lease_until=database_now() + timedelta(seconds=1))
    assert held.write(cordon_problem="")
    lease_until = Queue.objects.get().lease_until
    assert lease_until is not None
    assert lease_until - database_now() > LEASE - timedelta(seconds=5)
    assert claim_queue(queue.pk) is None
    Queue.objects.update(lease_until=database_now())
    assert claim_queue(queue.pk) is not None
    assert not held.write(cordon_problem="It woke up too late.")


def test_after_the_clock_was_set_back_queues_and_pools_are_due_at_once(
    woodpecker: FakeWoodpecker,
) -> None:
    make_fleet()
    queue = Queue(name="ci", kind="woodpecker", url=woodpecker.url)
    queue = save_queue(queue, credentials={"token": "token-one"})
    template = Template.objects.get(name="default")
    save_pool(Pool(name="linux", template=template, queue=queue))
    ahead = database_now() + timedelta(hours=1)

    def count_due() -> int:
        Queue.objects.update(next_read_at=ahead, read_after=ahead, lease_until=ahead)
        Pool.objects.update(next_plan_at=ahead)
        return tick()

    tick()
    assert count_due() == 0  # an hour's pause is kept
    Fleet.objects.update(ticked_at=ahead)
    assert count_due() == 3  # with the listing of the account
    found = Queue.objects.get()
    assert found.read_after is not None
    assert found.read_after < ahead
    assert Fleet.objects.filter(ticked_at__lte=database_now()).exists()
    assert count_due() == 0
