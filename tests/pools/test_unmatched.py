"""The jobs that no pool can run are summed up by what they ask for."""

from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from servers.lifecycle.pools.demand import JobState
from servers.models import Pool
from servers.pools.unmatched import PATIENCE, describe_unmatched
from servers.queues.base import QueueJob, QueueSnapshot
from servers.reports.pools import show_jobs
from tests.support.fleet import make_fleet, make_template
from tests.support.pools import make_pool

pytestmark = [pytest.mark.django_db(transaction=True)]

AT = 1_800_000_000.0


def test_what_no_pool_can_run_is_summed_up_by_what_it_asks_for() -> None:
    make_fleet()
    pool = make_pool()
    pool.enabled = True

    def ask(number: int, **labels: str) -> QueueJob:
        return QueueJob(f"{number}", JobState.PENDING, AT - number, labels)

    jobs = [ask(1, os="linux"), ask(2, os="windows"), ask(3, os="windows")]
    jobs += [ask(n, os="linux", kernel=f"k-{n}") for n in range(4, 14)]
    shown = QueueSnapshot(AT + PATIENCE, tuple(jobs))
    found = describe_unmatched(pool.queue, [pool], shown)
    assert len(found) == 5
    assert found[0] == {
        "labels": ["os=windows"],
        "count": 2,
        "since": AT - 3,
        "pool": "linux",
        "template": "default",
        "enabled": True,
        "missing": ["os=windows"],
        "demanded": [],
    }
    assert found[1]["missing"] == ["kernel=k-4"]
    assert describe_unmatched(pool.queue, [], shown)[0]["pool"] == ""
    # One that fits, and one that has not waited long.
    fresh = (jobs[0], replace(jobs[1], since=AT + 1))
    shown = QueueSnapshot(AT + PATIENCE, fresh)
    assert describe_unmatched(pool.queue, [pool], shown) == []


def test_a_disabled_pool_and_what_a_pool_demands_are_told() -> None:
    make_fleet()
    pool = make_pool()
    pool.enabled = True
    other = Pool(
        name="arm", queue=pool.queue, template=pool.template, labels={"os": "mac"}
    )
    other.enabled = False
    job = QueueJob("1", JobState.PENDING, AT, {"os": "mac"})
    shown = QueueSnapshot(AT + PATIENCE, (job,))
    (found,) = describe_unmatched(pool.queue, [pool, other], shown)
    assert (found["pool"], found["enabled"], found["missing"]) == ("arm", False, [])
    pool.labels = {"os": "linux", "label.gpu": "yes"}
    job = replace(job, labels={"os": "linux"})
    shown = QueueSnapshot(AT + PATIENCE, (job,))
    (found,) = describe_unmatched(pool.queue, [pool], shown)
    assert (found["missing"], found["demanded"]) == ([], ["label.gpu=yes"])


def test_a_template_that_no_pool_of_the_queue_uses_can_be_the_nearest() -> None:
    account = make_fleet()
    pool = make_pool()
    Pool.objects.update(enabled=True)
    pool.enabled = True
    for name, labels in (
        ("arm", {"os": "linux", "arch": "arm64"}),
        # It says nothing of what it runs.
        ("bare", {}),
        ("gpu", {"os": "linux", "label.gpu": "yes"}),
    ):
        make_template(account, name, labels=labels)
    # Its agents take no jobs of Drone.
    make_template(
        account,
        "actions",
        labels={"os": "windows"},
        cloud_init="docker",
        readiness="docker",
        agent="github",
    )
    asked = {
        "exactly": {"os": "linux", "label.gpu": "yes"},
        "almost": {"os": "linux", "label.gpu": "yes", "kernel": "6"},
        "neither": {"os": "windows"},
        "as near as the pool": {"os": "linux", "kernel": "6"},
    }
    jobs = [
        QueueJob(name, JobState.PENDING, AT, labels) for name, labels in asked.items()
    ]
    shown = QueueSnapshot(AT + PATIENCE, tuple(jobs))
    with CaptureQueriesContext(connection) as queries:
        found = describe_unmatched(pool.queue, [pool], shown)
    assert len(queries) == 2
    told = [(each["pool"], each["template"], each["missing"]) for each in found]
    assert told == [
        ("", "gpu", []),
        ("", "gpu", ["kernel=6"]),
        ("linux", "default", ["os=windows"]),
        ("linux", "default", ["kernel=6"]),
    ]
    with CaptureQueriesContext(connection) as queries:
        rows = show_jobs(pool.queue, jobs * 20)
    assert len(queries) == 2
    assert [(each["nearest"], each["template"]) for each in rows[:3]] == [
        ("", "gpu"),
        ("", "gpu"),
        ("linux", ""),
    ]
    # With one of its own, it is the pool that is compared.
    other = Pool(name="gpu", queue=pool.queue, template_id=pool.template_id)
    other.template = type(pool.template).objects.get(name="gpu")
    other.save()
    (_, near, *_) = describe_unmatched(pool.queue, [pool, other], shown)
    assert near["pool"] == "linux"
