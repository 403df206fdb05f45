"""The pages of pools: what they show, their switches, and the end of a pool."""

import re
import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from servers.dashboard.pools.chart import draw_slots, draw_waits
from servers.dashboard.pools.policy import GROUPS, TEXTS
from servers.lifecycle.pools.policy import SETTINGS
from servers.models import Event, Pool, PoolJob, PoolPlan, Queue, Server, Template
from servers.operations.pools import save_pool
from servers.operations.terminate import protect_server
from servers.placing.jobs import find_nearest
from servers.records.boots import Boots
from servers.records.ledger import database_now
from servers.reports import costs
from servers.reports import pools as reports_of_pools
from servers.reports.pool_chart import PoolStep, find_range, load_pool_steps
from tests.support.fleet import make_fleet, provision
from tests.support.people import log_in, make_person
from tests.support.pools import make_pool

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]


@pytest.fixture
def pool() -> Pool:
    make_fleet()
    return make_pool()


@pytest.fixture
def admin(pool: Pool) -> Client:
    return log_in(make_person("admin"))


def read(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def switch_on(pool: Pool, **queue: Any) -> None:
    Pool.objects.filter(pk=pool.pk).update(enabled=True)
    Queue.objects.filter(pk=pool.queue_id).update(
        enabled=True, read_from=database_now(), **queue
    )


# What is so of the queue or the pool, and the word for it.
STANDINGS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, "working"),
    ({"enabled": False}, {}, "queue disabled"),
    ({"problem": "Drone answered 401."}, {}, "queue fails"),
    ({"read_from": None}, {}, "no answer yet"),
    ({"read_from": timedelta(minutes=-5)}, {}, "queue unknown"),
    ({"complete": False}, {}, "queue unknown"),
    ({}, {"dry": True}, "dry run"),
    ({}, {"frozen": True}, "frozen"),
    ({}, {"enabled": False}, "disabled"),
]


@pytest.mark.parametrize(("queue", "changes", "word"), STANDINGS)
def test_a_pool_says_how_it_is_doing_in_a_word(
    pool: Pool, admin: Client, queue: dict[str, Any], changes: dict[str, Any], word: str
) -> None:
    switch_on(pool)
    if isinstance(queue.get("read_from"), timedelta):
        queue = {"read_from": database_now() + queue["read_from"]}
    Queue.objects.filter(pk=pool.queue_id).update(**queue)
    Pool.objects.filter(pk=pool.pk).update(**changes)
    for path in ("/pools/", "/pools/linux/"):
        assert f"{word}</span>" in read(admin, path), path


def test_a_queue_whose_agents_can_t_be_cordoned_says_why(
    pool: Pool, admin: Client
) -> None:
    switch_on(pool, cordon_problem="Woodpecker answered 403.", kind="woodpecker")
    page = read(admin, "/pools/")
    assert "no cordons" in page
    assert "Woodpecker answered 403." in page


def test_a_pools_page_shows_its_figures_jobs_servers_and_sentences(
    pool: Pool, admin: Client
) -> None:
    switch_on(pool)
    server = provision(name="one")
    Server.objects.filter(pk=server.pk).update(pool=pool, state="running")
    now = database_now()
    Queue.objects.filter(pk=pool.queue_id).update(
        jobs=[
            ["1", "pending", now.timestamp() - 90, {"os": "linux"}, "", "build 1"],
            ["2", "running", now.timestamp(), {"os": "linux"}, "one", "build 2"],
            ["3", "pending", now.timestamp(), {"os": "windows"}, "", "build 3"],
        ]
    )
    Pool.objects.filter(pk=pool.pk).update(
        figures={"waiting": 1, "busy": 1, "free": 3, "idle": 1, "servers": 2}
    )
    text = read(admin, "/pools/linux/")
    assert "<strong>2</strong> <span>demand: 1 waiting, 1 running</span>" in text
    assert "<strong>2</strong> <span>booting slots</span>" in text
    assert "1 of 2</td>" in text
    assert "build 1</th>" in text
    assert "build 3" not in text  # no job of this pool
    assert "1 waiting job; 0 free or booting slots, 0 busy." in text
    assert '<a href="/pools/linux/">linux</a>' in read(admin, "/servers/one/")
    assert "one" in read(admin, "/servers/?pool=linux")
    assert "No matching servers" in read(admin, "/servers/?pool=other")


def test_the_log_joins_plans_that_say_the_same_and_shows_what_changed(
    pool: Pool, admin: Client
) -> None:
    now = database_now()
    PoolPlan.objects.all().delete()
    for minutes, said, changed in (
        (9, "0 waiting jobs", False),
        (8, "0 waiting jobs", False),
        (7, "3 waiting jobs", True),
        (1, "0 waiting jobs", False),
    ):
        at = now - timedelta(minutes=minutes)
        PoolPlan.objects.create(pool=pool, at=at, why=[said], changed=changed)
    text = read(admin, "/pools/linux/")
    log = text[text.index('id="plans"') :]
    assert log.count('<span class="what">') == 3
    assert ", unchanged for 1 min" in log
    assert '<li class="good"' in log


@pytest.mark.parametrize(
    ("act", "field", "value"),
    [
        ("enable", "enabled", True),
        ("disable", "enabled", False),
        ("dry", "dry", True),
        ("live", "dry", False),
        ("freeze", "frozen", True),
        ("unfreeze", "frozen", False),
    ],
)
def test_each_switch_is_set_and_told(
    pool: Pool, admin: Client, act: str, field: str, value: bool
) -> None:
    Pool.objects.filter(pk=pool.pk).update(**{field: not value})
    answer = admin.post(f"/pools/linux/{act}/", follow=True)
    assert b"linux " in answer.content
    assert getattr(Pool.objects.get(pk=pool.pk), field) is value
    told = Event.objects.filter(kind="pool_changed").latest("pk")
    assert field in told.reason
    assert told.actor == "user:admin"
    admin.post(f"/pools/linux/{act}/")  # again changes nothing
    assert Event.objects.filter(kind="pool_changed").latest("pk") == told


@pytest.mark.parametrize(("fate", "left"), [("keep", 3), ("drain", 1)])
def test_deleting_a_pool_asks_whether_its_servers_are_kept_or_drained(
    pool: Pool, admin: Client, fate: str, left: int
) -> None:
    for name in ("one", "two", "safe"):
        provision(name=name)
    Server.objects.update(pool=pool, state="running")
    protect_server("safe", protected=True)
    asked = read(admin, "/pools/linux/delete/")
    assert "It has 3 servers, 1 of them protected. What should happen to them?" in asked
    answer = admin.post("/pools/linux/delete/", {"servers": fate}, follow=True)
    said = "3 servers stay." if fate == "keep" else "2 servers will be drained"
    assert f"linux was deleted. {said}" in answer.content.decode()
    assert not Pool.objects.exists()
    assert Server.objects.filter(want="run").count() == left


def test_without_a_choice_no_pool_is_deleted(pool: Pool, admin: Client) -> None:
    provision(name="one")
    Server.objects.update(pool=pool)
    for given in ({}, {"servers": "burn"}):
        assert admin.post("/pools/linux/delete/", given).status_code == 200
    assert Pool.objects.exists()


def test_every_setting_of_a_policy_has_words() -> None:
    named = {each.name for group in GROUPS.values() for each in group}
    assert named | TEXTS == SETTINGS


def count_queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert client.get(path).status_code == 200
    return len([one for one in queries if "servers_session" not in one["sql"]])


def test_pages_ask_no_more_with_many_pools_servers_jobs_and_plans(
    pool: Pool, admin: Client
) -> None:
    switch_on(pool)
    paths = ("/pools/", "/pools/linux/?range=7d")
    costs._kept.clear()
    few = [count_queries(admin, path) for path in paths]
    template, queue = Template.objects.get(name="default"), pool.queue
    for number in range(20):
        save_pool(
            Pool(
                name=f"p-{number}",
                template=template,
                queue=queue,
                labels={"os": f"o-{number}"},
                enabled=False,
            )
        )
    for number in range(60):
        provision(name=f"s-{number}")
    Server.objects.update(pool=pool)
    now = database_now()
    jobs = [
        [str(n), "pending", now.timestamp(), {"os": "linux"}, "", f"build {n}"]
        for n in range(3000)
    ]
    Queue.objects.update(jobs=jobs)
    PoolPlan.objects.bulk_create(
        PoolPlan(pool=pool, at=now - timedelta(minutes=n), why=[f"{n}"])
        for n in range(3000)
    )
    PoolJob.objects.bulk_create(
        PoolJob(queue=queue, pool=pool, key=f"{n}", queued_at=now, started_at=now)
        for n in range(3000)
    )
    costs._kept.clear()
    assert [count_queries(admin, path) for path in paths] == few
    assert len(read(admin, "/pools/linux/")) < 100_000


def test_thousands_of_jobs_that_no_pool_can_run_take_little_of_a_page(
    pool: Pool, admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch_on(pool)
    asked: list[str] = []

    def note(queue: Queue, pools: Any, labels: Any, unused: Any) -> Any:
        asked.append(labels["os"])
        return find_nearest(queue, pools, labels, unused)

    monkeypatch.setattr(reports_of_pools, "find_nearest", note)
    since = database_now().timestamp()
    jobs = [
        [f"{n}", "pending", since, {"os": f"o-{n}"}, "", f"build {n}"]
        for n in range(3000)
    ]
    jobs.append(["last", "pending", since, {"os": "linux"}, "", "build of ours"])
    Queue.objects.update(jobs=jobs)
    assert "build of ours" in read(admin, "/pools/linux/")
    assert asked == []  # of those that others would run, it shows none
    page = read(admin, "/pools/new/?queue=ci")
    assert "3001" in page.replace(",", "")
    assert len(asked) <= 30  # those that are shown


def add_job(pool: Pool, queued: datetime, started: datetime | None) -> None:
    PoolJob.objects.create(
        queue=pool.queue,
        pool=pool,
        key=uuid.uuid4().hex,
        queued_at=queued,
        started_at=started,
    )


def test_the_chart_averages_slots_and_takes_percentiles_of_waits(pool: Pool) -> None:
    now = database_now().replace(second=30)
    PoolPlan.objects.all().delete()
    for waiting, busy in ((4, 2), (2, 4)):
        figures = {"waiting": waiting, "busy": busy, "idle": 1, "free": 3}
        PoolPlan.objects.create(pool=pool, at=now, figures=figures)
    PoolPlan.objects.create(pool=pool, at=now)  # the queue was unknown
    PoolPlan.objects.create(pool=pool, at=now - timedelta(minutes=5))
    for seconds in (1, 2, 3, 20):
        add_job(pool, now - timedelta(seconds=seconds), now)
    add_job(pool, now, None)  # waits still
    steps = load_pool_steps(pool, find_range("1h"), now=now)
    last = steps[-1]
    assert len(steps) == 60
    assert (last.plans, last.demand, last.busy, last.idle) == (2, 6.0, 3.0, 1.0)
    assert steps[-6].plans == 0
    assert last.booting == 2.0
    assert last.waits == Boots(4, 2.0, 20.0)
    assert steps[0].plans == 0


def test_a_picture_stacks_slots_draws_demand_and_leaves_gaps() -> None:
    at = datetime(2026, 1, 1)  # noqa: DTZ001 - only drawn
    steps = [
        PoolStep(at, 1, waiting=2, busy=2, idle=1, booting=1),
        PoolStep(at),
        PoolStep(at, 1, busy=4, waits=Boots(1, 30.0, 55.0)),
    ]
    slots = draw_slots(steps)
    assert slots.top == 4
    assert slots.paths == {
        "busy": "M0 100h1v-50h-1zM2 100h1v-100h-1z",
        "idle": "M0 50h1v-25h-1z",
        "booting": "M0 25h1v-25h-1z",
        "demand": "M0 0h1M2 0h1",
    }
    waits = draw_waits(steps)
    assert waits.top == 60
    assert waits.paths["p50"] == "M2 50h1"
    assert draw_slots([PoolStep(at)]).is_empty


def test_the_times_below_a_picture_are_those_of_its_quarters() -> None:
    at = datetime(2026, 1, 1)  # noqa: DTZ001 - only drawn
    steps = [PoolStep(at + timedelta(minutes=each)) for each in range(90)]
    minutes = [(time - at).total_seconds() / 60 for time in draw_slots(steps).times]
    assert minutes == [0, 22, 45, 68]


def test_a_queue_whose_push_expired_says_so(pool: Pool, admin: Client) -> None:
    switch_on(pool, kind="push", expires_at=database_now() + timedelta(minutes=1))
    assert "answering</span>" in read(admin, "/queues/ci/")
    switch_on(pool, expires_at=database_now() - timedelta(minutes=1))
    for path in ("/pools/", "/queues/ci/"):
        assert "expired</span>" in read(admin, path)
    assert ": expired, " in read(admin, "/pools/new/")
    assert "What was last pushed has expired." in read(admin, "/queues/ci/")


def test_a_dry_pool_says_in_the_list_what_it_would_do(
    pool: Pool, admin: Client
) -> None:
    switch_on(pool)
    said = ["2 waiting jobs; 0 free or booting slots, 0 busy.", "It would create one."]
    Pool.objects.filter(pk=pool.pk).update(dry=True, why=said)
    assert said[1] in read(admin, "/pools/")


def test_a_job_that_is_only_counted_shows_no_made_up_id(
    pool: Pool, admin: Client
) -> None:
    job = ["#17.5-1", "pending", database_now().timestamp(), {"os": "linux"}, "", ""]
    switch_on(pool, jobs=[job])
    for path in ("/pools/linux/", "/queues/ci/"):
        page = read(admin, path)
        assert "counted job</th>" in page
        assert "#17.5-1" not in page


def test_pages_of_queues_belong_to_pools_in_the_navigation(
    pool: Pool, admin: Client
) -> None:
    for path in ("/pools/", "/queues/new/", "/queues/ci/"):
        page = read(admin, path)
        current = re.search(r'href="([^"]*)"[^>]*aria-current="page"', page)
        assert current is not None, path
        assert current[1] == "/pools/", path
