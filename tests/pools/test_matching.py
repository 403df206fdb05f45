"""What a queue shows is divided once for all of its pools, and never kept too long."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from servers import pools
from servers.lifecycle.pools.demand import Demand, JobState
from servers.models import Pool, Queue, Server, Template
from servers.operations.pools import save_pool
from servers.operations.queues import save_queue
from servers.pools import matching
from servers.pools.matching import Shares, read_shares
from servers.queues.base import QueueJob, QueueSnapshot
from servers.records.ledger import database_now
from servers.records.snapshots import dump_snapshot, load_snapshot
from servers.reports.pools import show_jobs
from tests.support.fleet import make_fleet

pytestmark = pytest.mark.django_db(transaction=True)


def make_pools(*labels: dict[str, str]) -> list[Pool]:
    make_fleet()
    queue = Queue(name="ci", kind="drone", url="http://127.0.0.1:9", enabled=False)
    save_queue(queue, credentials={"token": "t"})
    Queue.objects.update(enabled=True)
    template = Template.objects.get()
    return [
        save_pool(
            Pool(
                name=f"pool-{number}",
                template=template,
                queue=queue,
                labels=each,
                policy={"max": 50},
            )
        )
        for number, each in enumerate(labels)
    ]


def show(*jobs: dict[str, str]) -> None:
    now = database_now()
    shown = tuple(
        QueueJob(f"{number}", JobState.PENDING, now.timestamp() - 1, labels)
        for number, labels in enumerate(jobs)
    )
    snapshot = QueueSnapshot(now.timestamp(), shown)
    Queue.objects.update(**dump_snapshot(snapshot, now))


def count_jobs(*made: Pool) -> list[int]:
    rows = Pool.objects.select_related("queue")
    return [
        len(read_demand(pool, ()).jobs)
        for pool in rows.filter(pk__in=[each.pk for each in made])
    ]


def read_demand(pool: Pool, servers: Sequence[str]) -> Demand:
    shares = read_shares([pool.queue])[pool.queue_id]
    assert isinstance(shares, Shares)
    return shares.find_demand(pool, servers)


def test_a_snapshot_is_divided_once_for_all_pools(monkeypatch: Any) -> None:
    made = make_pools({"os": "linux"}, {"os": "windows"})
    show({"os": "linux"}, {"os": "windows"}, {"os": "windows"})
    divided = []

    def count(queue: Queue, shown: QueueSnapshot, rivals: Sequence[Pool]) -> Any:
        divided.append(len(shown.jobs))
        return divide(queue, shown, rivals)

    divide = matching.divide_snapshot
    monkeypatch.setattr(matching, "divide_snapshot", count)
    assert count_jobs(*made) == [1, 2]
    assert count_jobs(*made) == [1, 2]
    assert divided == [3]


def test_another_snapshot_and_other_labels_are_seen_at_once() -> None:
    made = make_pools({"os": "linux"}, {"os": "windows"})
    show({"os": "linux"}, {"os": "windows"}, {"os": "windows"})
    assert count_jobs(*made) == [1, 2]
    show({"os": "linux"})
    assert count_jobs(*made) == [1, 0]
    made[0].labels = {"os": "freebsd"}
    save_pool(made[0])
    assert count_jobs(*made) == [0, 0]
    Pool.objects.filter(pk=made[0].pk).update(labels={"os": "linux"}, enabled=False)
    assert count_jobs(made[1]) == [0]
    Queue.objects.update(read_from=None)
    assert read_shares(Queue.objects.all()) == {}


def test_jobs_that_run_count_for_the_pool_of_their_server() -> None:
    (pool,) = make_pools({"os": "linux"})
    now = database_now()
    running = [
        QueueJob(f"r{number}", JobState.RUNNING, now.timestamp(), {}, server)
        for number, server in enumerate(("agent-1", "agent-1", "agent-2", ""))
    ]
    shown = QueueSnapshot(now.timestamp(), tuple(running))
    Queue.objects.update(**dump_snapshot(shown, now))
    pool = Pool.objects.select_related("queue").get()
    demand = read_demand(pool, ["agent-1", "agent-9"])
    assert [job.job_id for job in demand.jobs] == ["r0", "r1"]


def test_a_dry_pool_takes_no_job_from_one_that_creates_servers() -> None:
    made = make_pools({"os": "linux"}, {"os": "linux"}, {"os": "windows"})
    Pool.objects.filter(pk=made[0].pk).update(dry=True, priority=9)
    Pool.objects.filter(pk=made[2].pk).update(dry=True)
    show({"os": "linux"}, {"os": "linux"}, {"os": "windows"})
    # It says what it would do, as if it were not dry.
    assert count_jobs(*made) == [2, 2, 1]
    queue, shown = Queue.objects.get(), load_snapshot(Queue.objects.get())
    assert shown is not None
    served = [job["pool"] for job in show_jobs(queue, shown.jobs)]
    assert served == ["pool-1", "pool-1", "pool-2"]


def run_on(*servers: str) -> list[Demand]:
    """Show jobs for linux that run, and return what two pools see of them."""
    made = make_pools({"os": "linux"}, {"os": "linux", "variant": "v8"})
    now = database_now()
    running = tuple(
        QueueJob(f"r{number}", JobState.RUNNING, now.timestamp(), {"os": "linux"}, name)
        for number, name in enumerate(servers)
    )
    shown = QueueSnapshot(now.timestamp(), running, names_servers=all(servers))
    Queue.objects.update(**dump_snapshot(shown, now))
    rows = Pool.objects.select_related("queue").order_by("name")
    names = [["agent-1"], ["agent-2"]]
    assert [pool.name for pool in rows] == [pool.name for pool in made]
    return [read_demand(*each) for each in zip(rows, names, strict=True)]


def test_a_job_that_names_no_server_may_run_on_those_of_each_pool_that_fits() -> None:
    first, second = run_on("")
    assert [job.job_id for job in first.jobs] == ["r0"]
    assert second.jobs == ()
    assert second.elsewhere


def test_a_server_that_a_job_names_is_busy_even_if_other_jobs_name_none() -> None:
    first, second = run_on("", "agent-2")
    assert [job.job_id for job in first.jobs] == ["r0"]
    assert [job.job_id for job in second.jobs] == ["r1"]


def test_where_all_jobs_name_their_servers_no_other_is_in_doubt() -> None:
    assert not any(demand.elsewhere for demand in run_on("agent-1", "agent-2"))


def test_of_many_jobs_only_the_latest_are_kept(monkeypatch: Any) -> None:
    monkeypatch.setattr(matching, "MAX_KEPT", 3)
    kept = matching._Kept()
    (pool,) = make_pools({"os": "linux"})
    shares = {}
    for number in (1, 2, 5):
        show(*[{"os": "linux"}] * number)
        queue = Queue.objects.get()
        shown = load_snapshot(queue)
        assert shown is not None
        shares[number] = matching.divide_snapshot(queue, shown, [pool])
    keys = {number: uuid4() for number in shares}
    for number in (1, 2):
        kept.keep(keys[number], number, shares[number])
    assert kept.find(keys[1], 1) is shares[1]
    assert kept.find(keys[1], 2) is None
    kept.keep(keys[5], 5, shares[5])
    assert [kept.find(keys[number], number) is not None for number in (1, 2, 5)] == [
        False,
        False,
        True,
    ]


def test_a_plan_asks_as_much_whatever_there_is() -> None:
    made = make_pools(*({"os": "linux", "label.n": f"{n}"} for n in range(8)))
    found = []
    for number in (1, 40):
        show(*[{"os": "linux", "label.n": f"{n}"} for n in range(8)] * number)
        counts = [count_reads(pool) for pool in made]
        assert Server.objects.count() == 8 * -(-number // 2)
        found.append((counts[0], set(counts[1:])))
    # The first plan of a snapshot also loads and divides it.
    assert found[0] == found[1]
    (others,) = found[0][1]
    assert found[0][0] == others + 2


def count_reads(pool: Pool) -> int:
    with CaptureQueriesContext(connection) as caught:
        assert pools.plan_pools([pool.pk])
    # What it carries out then is another matter.
    asked = [query["sql"] for query in caught]
    return next(n for n, sql in enumerate(asked) if sql.startswith("BEGIN"))
