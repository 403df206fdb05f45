"""What other settings would have meant for a pool's own record of jobs."""

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from servers.lifecycle.replay.trace import make_trace
from servers.lifecycle.states import Outcome
from servers.models import Account, Attempt, Pool, PoolJob, Server, TemplateVersion
from servers.pools.curve import VARIED, draw_curve, read_record
from servers.records.ledger import database_now
from tests.support.fleet import make_fleet
from tests.support.pools import make_pool

pytestmark = pytest.mark.django_db(transaction=True)

NOW = database_now


@pytest.fixture
def pool() -> Pool:
    make_fleet()
    pool = make_pool()
    Pool.objects.update(policy={"min": 1, "max": 20, "price": 0.1})
    return Pool.objects.select_related("queue", "template").get(pk=pool.pk)


def fill(pool: Pool, *, days: float = 1, jobs: int = 200, ago: float = 2) -> None:
    begun = NOW() - timedelta(days=ago)
    PoolJob.objects.bulk_create(
        PoolJob(
            queue=pool.queue,
            key=f"{number:032x}",
            pool=pool,
            queued_at=begun + timedelta(seconds=job.queued_at),
            started_at=begun + timedelta(seconds=job.queued_at + 5),
            ended_at=begun + timedelta(seconds=job.queued_at + 5 + job.seconds),
        )
        for number, job in enumerate(make_trace(days=days, jobs_per_day=jobs))
    )


def test_a_longer_idle_time_costs_more_and_waits_less(pool: Pool) -> None:
    fill(pool)
    record = read_record(pool, now=NOW(), days=7)
    assert len(record.jobs) == 200
    assert [record.mean, record.p95] == pytest.approx([5, 5])
    present, *others = draw_curve(pool, record, "idle")
    assert present.is_present
    assert [point.changes["idle"] for point in others] == [60, 180, 600, 1200, 3300]
    points = sorted([present, *others], key=lambda p: p.changes.get("idle", 300))
    hours = [point.found.hours for point in points]
    waits = [point.found.mean for point in points]
    assert hours == sorted(hours)
    assert waits[0] > waits[-1]
    assert present.cost == pytest.approx(present.found.hours * 0.1)


def test_larger_servers_cost_as_much_more(pool: Pool) -> None:
    fill(pool)
    record = read_record(pool, now=NOW(), days=7)
    slots = pool.template.capacity
    for point in draw_curve(pool, record, "slots"):
        price = 0.1 * point.changes.get("slots", slots) / slots
        assert point.cost == pytest.approx(point.found.hours * price)


def test_a_policy_that_never_runs_the_jobs_comes_to_an_end(pool: Pool) -> None:
    fill(pool, jobs=20)
    pool.policy = {"min": 0, "max": 0}
    record = read_record(pool, now=NOW(), days=7)
    (present,) = draw_curve(pool, record, "min")
    assert present.found.never_run == present.found.jobs == 20
    assert present.found.mean > 3600


def test_only_whole_jobs_of_the_asked_days_count(pool: Pool) -> None:
    fill(pool)
    PoolJob.objects.filter(key=f"{0:032x}").update(ended_at=None)
    PoolJob.objects.filter(key=f"{1:032x}").update(started_at=None)
    PoolJob.objects.filter(key=f"{2:032x}").update(queued_at=NOW() - timedelta(days=20))
    PoolJob.objects.filter(key=f"{3:032x}").update(pool=None)
    assert len(read_record(pool, now=NOW(), days=7).jobs) == 196
    newest = read_record(pool, now=NOW(), days=30, most=50).jobs
    assert len(newest) == 50
    assert newest == sorted(newest, key=lambda job: job.queued_at)


def test_boots_may_last_as_long_as_they_may_in_fact(pool: Pool, settings: Any) -> None:
    settings.BOOT_DEADLINE = 1800
    assert read_record(pool, now=NOW(), days=7).cloud.deadline == 1800


def test_boots_are_those_of_the_template(pool: Pool) -> None:
    fill(pool)
    unknown = read_record(pool, now=NOW(), days=7)
    assert (unknown.cloud.boot, unknown.cloud.failing, unknown.boots) == (90, 0, 0)
    assert not unknown.is_measured
    version = TemplateVersion.objects.filter(template=pool.template).first()
    asked = NOW() - timedelta(hours=1)
    for number in range(10):
        Attempt.objects.create(
            server_uid=pool.pk,
            server_name="agent",
            number=number,
            account=Account.objects.get(),
            key=f"key-{number}",
            token="t",
            asked_at=asked,
            lease_end=asked,
            outcome=Outcome.ACCEPTED,
            recipe=version,
            ready_at=asked + timedelta(seconds=40) if number else None,
        )
    found = read_record(pool, now=NOW(), days=7)
    assert (found.cloud.boot, found.cloud.failing, found.boots) == (40, 0.1, 10)
    assert found.is_measured
    # A minute after its first boots, none of them counts as one that could have failed.
    early = read_record(pool, now=asked + timedelta(minutes=1), days=7)
    assert (early.cloud.boot, early.boots, early.is_measured) == (40, 0, True)
    assert not Server.objects.exists()


def replay(**options: Any) -> str:
    out = StringIO()
    call_command("replay", stdout=out, **options)
    return out.getvalue()


@pytest.mark.parametrize("vary", VARIED)
def test_the_command_prints_todays_point_and_the_others(pool: Pool, vary: str) -> None:
    fill(pool, jobs=30)
    first, head, present, *others = replay(pool="linux", vary=vary).splitlines()
    assert first.startswith(
        "30 jobs. A boot takes 90 s (assumed, since none was measured). "
    )
    assert "The jobs actually waited 5 s on average, p95 5 s." in first
    assert head.split()[0] == vary
    assert present.startswith("current ")
    assert len(others) >= 3


def test_the_command_says_what_there_is_nothing_of(pool: Pool) -> None:
    with pytest.raises(CommandError, match="No job of linux has ended"):
        replay(pool="linux")
    with pytest.raises(CommandError, match="no pool"):
        replay(pool="other")
    with pytest.raises(CommandError, match="at most 30 days"):
        replay(pool="linux", days=31)
