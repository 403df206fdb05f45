"""Queues that fail and jobs that no pool can run need attention, and are metrics."""

from datetime import timedelta
from typing import Any

import pytest

from servers.models import Pool, Queue
from servers.records.ledger import database_now
from servers.reports.attention.items import Concern
from servers.reports.attention.queues import describe_queues
from tests.support.fleet import make_fleet
from tests.support.people import log_in, make_person
from tests.support.pools import make_pool

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

SORT: dict[str, Any] = {
    "labels": ["os=linux", "arch=arm64"],
    "count": 3,
    "since": 1_800_000_000.0,
    "pool": "linux",
    "template": "default",
    "enabled": True,
    "missing": ["arch=arm64"],
}


@pytest.fixture
def pool() -> Pool:
    make_fleet()
    found = make_pool()
    Pool.objects.update(enabled=True)
    Queue.objects.update(enabled=True)
    return found


def read_overview(role: str) -> str:
    return log_in(make_person(role)).get("/").content.decode()


def test_jobs_that_no_pool_can_run_are_told_with_the_nearest_pool(pool: Pool) -> None:
    assert not list(describe_queues())
    Queue.objects.update(unmatched=[SORT, {**SORT, "count": 1, "labels": []}])
    first, second = describe_queues()
    assert first.sentence == (
        "3 jobs of the queue ci wait, and no pool can run them: os=linux, arch=arm64."
    )
    assert first.detail == (
        "The nearest pool is linux with the template default. It lacks the label "
        "arch=arm64. If its servers have it, add it to the pool, or else create "
        "another pool."
    )
    assert second.sentence == (
        "1 job of the queue ci waits, and no pool can run it: no label."
    )
    text = read_overview("admin")
    assert first.sentence in text
    assert 'href="/pools/new/?queue=ci"' in text
    text = read_overview("viewer")
    assert "/pools/new/" not in text
    assert 'href="/queues/ci/"' in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"enabled": False, "missing": []},
            (
                "The pool linux with the template default could, but it is disabled. "
                "Enable it."
            ),
        ),
        (
            {"enabled": False, "missing": ["a", "b"]},
            (
                "The nearest pool is linux with the template default, which is "
                "disabled. It lacks the labels a, b. If its servers have them, add "
                "them to the pool, or else create another pool."
            ),
        ),
        (
            {"missing": [], "demanded": ["gpu=yes"]},
            (
                "The nearest pool is linux with the template default. It takes only "
                "jobs with the label gpu=yes."
            ),
        ),
        (
            {"pool": "", "template": "big", "missing": []},
            (
                "The template big has all that they ask for, but no pool of this queue "
                "uses it. Create a pool from it."
            ),
        ),
        (
            {"pool": "", "template": "big", "missing": ["gpu:yes"]},
            (
                "The nearest template is big, which no pool of this queue uses. It "
                "lacks the label gpu:yes. If its servers have it, create a pool from "
                "the template and add it there, or else create another template."
            ),
        ),
    ],
)
def test_what_keeps_jobs_from_the_nearest_pool_is_told_exactly(
    pool: Pool, changes: dict[str, Any], said: str
) -> None:
    Queue.objects.update(unmatched=[{**SORT, **changes}])
    (item,) = describe_queues()
    assert item.detail == said


def test_a_row_of_an_older_version_is_read(pool: Pool) -> None:
    old = {name: SORT[name] for name in SORT if name not in {"template", "enabled"}}
    Queue.objects.update(unmatched=[old])
    (item,) = describe_queues()
    assert item.detail.startswith("The nearest pool is linux. It lacks the label arch")


def test_a_queue_that_fails_is_told_instead_of_what_it_showed_last(pool: Pool) -> None:
    Queue.objects.update(unmatched=[SORT], problem="Drone answered 401.")
    (item,) = describe_queues()
    assert item.kind is Concern.QUEUE
    assert item.detail == "Drone answered 401."
    assert 'href="/queues/ci/change/"' in read_overview("admin")


@pytest.mark.parametrize("change", [{"enabled": False}, {"pool": False}])
def test_what_nobody_follows_needs_no_attention(
    pool: Pool, change: dict[str, Any]
) -> None:
    Queue.objects.update(unmatched=[SORT], problem="no")
    if "pool" in change:
        Pool.objects.update(enabled=False)
    else:
        Queue.objects.update(**change)
    assert not list(describe_queues())


def test_the_metrics_have_the_figures_of_pools_and_queues(pool: Pool) -> None:
    now = database_now()
    Pool.objects.update(
        figures={"waiting": 3, "held": 1, "busy": 4, "free": 5, "idle": 2, "wanted": 6},
        totals={"plans": 7, "changes": 2, "holds": 1, "idle_seconds": 90.5},
    )
    Queue.objects.update(unmatched=[SORT], read_from=now)
    for seconds in (4, 8):
        pool.recorded_jobs.create(
            queue=pool.queue,
            key=str(seconds),
            queued_at=now - timedelta(seconds=seconds),
            started_at=now,
        )
    client = log_in(make_person("root"))
    text = client.get("/metrics").content.decode()
    for line in (
        'serverfleet_pool_jobs{pool="linux",state="waiting"} 3.0',
        'serverfleet_pool_slots{pool="linux",state="booting"} 3.0',
        'serverfleet_pool_slots{pool="linux",state="idle"} 2.0',
        'serverfleet_pool_wanted{pool="linux"} 6.0',
        'serverfleet_pool_plans_total{pool="linux"} 7.0',
        'serverfleet_pool_holds_total{pool="linux"} 1.0',
        'serverfleet_pool_idle_seconds_total{pool="linux"} 90.5',
        'serverfleet_pool_wait_seconds{pool="linux",quantile="0.5"} 4.0',
        'serverfleet_pool_wait_seconds{pool="linux",quantile="0.95"} 8.0',
        'serverfleet_queue_unmatched{queue="ci"} 3.0',
    ):
        assert line in text, line
