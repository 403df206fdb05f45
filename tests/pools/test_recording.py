"""The record of a queue's jobs: when each was queued, ran and ended."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from servers.lifecycle.pools.demand import JobState
from servers.models import Pool, PoolJob, Queue
from servers.pools.recording import BATCH, record_changes
from servers.queues.base import QueueJob, QueueSnapshot
from servers.reconciler import purge
from servers.reconciler.purge import purge_history
from servers.records.ledger import database_now
from tests.support.fleet import make_fleet
from tests.support.pools import make_pool

pytestmark = pytest.mark.django_db(transaction=True)

START = 1_700_000_000.0
LINUX, WINDOWS = {"os": "linux", "arch": "amd64"}, {"os": "windows", "arch": "amd64"}


@pytest.fixture
def pool() -> Pool:
    make_fleet()
    pool = make_pool()
    Pool.objects.update(enabled=True, labels=LINUX)
    return pool


def wait(name: str, since: float = 0, labels: Any = LINUX) -> QueueJob:
    return QueueJob(name, JobState.PENDING, START + since, labels, title="build 9")


def run(name: str, since: float, server: str = "agent-1") -> QueueJob:
    return QueueJob(name, JobState.RUNNING, START + since, LINUX, server)


def show(
    pool: Pool, shown: Sequence[tuple[float, list[QueueJob]]], **more: Any
) -> None:
    """Show a queue's jobs at several times, one snapshot after the other."""
    before = None
    for at, jobs in shown:
        after = QueueSnapshot(START + at, tuple(jobs), **more)
        record_changes(pool.queue, before, after)
        before = after


def read() -> list[tuple[Any, ...]]:
    """Return when each job was queued, started and ended, in seconds since START."""
    return [
        tuple(
            at and round(at.timestamp() - START, 3)
            for at in (row.queued_at, row.started_at, row.ended_at)
        )
        for row in PoolJob.objects.order_by("queued_at", "pk")
    ]


def test_a_job_is_queued_runs_and_ends(pool: Pool) -> None:
    show(pool, [(1, [wait("a")]), (11, [run("a", 8)]), (21, [run("a", 8)]), (31, [])])
    (row,) = PoolJob.objects.all()
    assert read() == [(0, 8, 31)]
    assert (row.pool, row.server, row.labels) == (pool, "agent-1", LINUX)
    assert len(row.key) == 32
    stored = str([getattr(row, field.attname) for field in row._meta.fields])
    assert "build 9" not in stored


def test_jobs_that_nobody_saw_wait_or_run_are_recorded_as_far_as_they_were_seen(
    pool: Pool,
) -> None:
    show(pool, [(1, [wait("a"), run("b", 0.5)]), (11, [])])
    assert read() == [(0, None, 11), (0.5, 0.5, 11)]


def test_a_job_that_no_pool_can_run_is_recorded_without_a_pool(pool: Pool) -> None:
    show(pool, [(1, [wait("a"), wait("b", 1, WINDOWS)])])
    rows = PoolJob.objects.order_by("queued_at")
    assert [row.pool for row in rows] == [pool, None]


def test_a_job_that_waited_before_there_was_a_pool_is_that_pools(pool: Pool) -> None:
    Pool.objects.update(enabled=False)
    before = QueueSnapshot(START + 1, (wait("a"), wait("b")))
    record_changes(pool.queue, None, before)
    assert not PoolJob.objects.filter(pool=pool).exists()
    Pool.objects.update(enabled=True)
    record_changes(pool.queue, before, QueueSnapshot(START + 11, (run("a", 8),)))
    assert PoolJob.objects.get(pool=pool).started_at is not None


def hold(name: str, since: float = 0) -> QueueJob:
    return QueueJob(name, JobState.HELD, START + since, LINUX)


def test_a_job_that_was_held_back_is_queued_once_it_needs_a_server(pool: Pool) -> None:
    held = [hold("a"), hold("b")]
    show(
        pool,
        [(1, held), (901, held), (911, [wait("a", 901), run("b", 905)]), (921, [])],
    )
    assert read() == [(901, None, 921), (901, 905, 921)]


def test_after_an_outage_a_job_ended_when_it_was_last_seen(pool: Pool) -> None:
    show(pool, [(1, [run("a", 0)]), (11, [run("a", 0)]), (1000, [])])
    assert read() == [(0, 0, 11)]


def test_a_part_of_a_queue_ends_no_job(pool: Pool) -> None:
    show(pool, [(1, [wait("a")]), (11, [])], complete=False)
    assert read() == [(0, None, None)]


def test_a_clock_that_goes_back_gives_no_negative_wait(pool: Pool) -> None:
    show(pool, [(1, [wait("a", 5)]), (11, [run("a", 2)])])
    assert read() == [(5, 5, None)]


def test_a_job_that_was_out_of_sight_is_recorded_once(pool: Pool) -> None:
    show(pool, [(1, [wait("a")]), (11, []), (21, [run("a", 15)]), (31, [])])
    assert read() == [(0, 15, 31)]


def test_queries_grow_only_with_batches(pool: Pool) -> None:
    def count(number: int, name: str) -> int:
        jobs = [wait(f"{name}-{each}") for each in range(number)]
        running = [run(each.job_id, 3) for each in jobs]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            show(pool, [(1, jobs), (5, running), (9, [])])
        return len(queries)

    # SQLite takes fewer variables in one statement.
    assert count(BATCH, "many") - count(1, "one") < BATCH / 50
    assert PoolJob.objects.filter(ended_at=None).count() == 0


def test_it_is_purged_after_its_time(pool: Pool) -> None:
    now = database_now().timestamp() - START
    show(pool, [(1, [wait("old"), wait("new", now)])])
    assert purge_history()
    (row,) = PoolJob.objects.all()
    assert row.queued_at > datetime.now(UTC) - timedelta(days=1)


def test_of_too_many_jobs_the_newest_are_kept(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purge, "JOBS_KEPT", 2)
    now = database_now().timestamp() - START
    show(pool, [(now + each, [wait(f"{each}", now)]) for each in range(4)])
    keys = list(PoolJob.objects.order_by("pk").values_list("key", flat=True))
    assert purge_history()
    kept = PoolJob.objects.order_by("pk").values_list("key", flat=True)
    assert list(kept) == keys[-2:]


def test_its_queue_takes_it_along_and_its_pool_does_not(pool: Pool) -> None:
    show(pool, [(1, [wait("a")])])
    Pool.objects.all().delete()
    assert PoolJob.objects.get().pool is None
    Queue.objects.all().delete()
    assert not PoolJob.objects.exists()
