"""The page that replays a pool's own jobs, and the button that uses a setting."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from servers.models import Event, Pool, PoolJob
from servers.pools.curve import VARIED
from servers.records.ledger import database_now
from tests.support.fleet import make_fleet
from tests.support.people import log_in, make_person
from tests.support.pools import make_pool

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

PAGE = "/pools/linux/replay/"


@pytest.fixture
def pool() -> Pool:
    make_fleet()
    return make_pool()


@pytest.fixture
def admin(pool: Pool) -> Client:
    return log_in(make_person("admin"))


def add_jobs(pool: Pool, number: int = 40) -> None:
    begun = database_now() - timedelta(hours=5)
    PoolJob.objects.bulk_create(
        PoolJob(
            queue=pool.queue,
            key=f"{each:032x}",
            pool=pool,
            queued_at=begun + timedelta(minutes=7 * each),
            started_at=begun + timedelta(minutes=7 * each, seconds=30),
            ended_at=begun + timedelta(minutes=7 * each + 4),
        )
        for each in range(number)
    )


def read(client: Client, **query: Any) -> str:
    answer = client.get(PAGE, query)
    assert answer.status_code == 200
    return answer.content.decode()


def test_without_jobs_it_says_what_is_missing(admin: Client) -> None:
    assert "Nothing to replay yet" in read(admin)


@pytest.mark.parametrize("vary", VARIED)
def test_todays_policy_stands_among_the_others(
    pool: Pool, admin: Client, vary: str
) -> None:
    add_jobs(pool)
    page = read(admin, vary=vary, days=7)
    assert page.count("current</span>") == 1
    assert page.count('class="point present"') == 1
    assert page.count('class="point"') == page.count("<tr>") - 2
    assert "40 jobs of the last 7 days. A boot is assumed to take 1 min 30 s," in page
    assert "These jobs actually waited 30 s on average" in page
    assert ("Use this" in page) == (vary != "slots")


def test_an_odd_address_is_read_as_the_usual_one(pool: Pool, admin: Client) -> None:
    add_jobs(pool, 3)
    page = read(admin, vary="max_uses", days="9" * 400)
    assert "3 jobs of the last 7 days" in page
    assert admin.get("/pools/none/replay/").status_code == 404


def test_a_setting_is_used_and_the_old_policy_is_kept(
    pool: Pool, admin: Client
) -> None:
    given = {"setting": "idle", "value": "600"}
    page = admin.post("/pools/linux/use/", given, follow=True).content.decode()
    assert "Idle time of linux is now 10 min." in page
    pool.refresh_from_db()
    assert pool.policy == {"max": 5, "idle": 600}
    kept = list(pool.policies.order_by("number").values_list("policy", flat=True))
    assert kept == [{"max": 5}, {"max": 5, "idle": 600}]
    assert Event.objects.filter(kind="pool_changed", reason__contains="600").exists()


def test_an_earlier_policy_is_used_again(pool: Pool, admin: Client) -> None:
    admin.post("/pools/linux/use/", {"setting": "idle", "value": "600"})
    page = admin.get("/pools/linux/").content.decode()
    assert "Maximum servers 5, Spare slots 0, Idle time 5 min" in page
    for number in ("", "2 ", "9" * 400):
        admin.post("/pools/linux/policy/", {"number": number})
    pool.refresh_from_db()
    assert pool.policy == {"max": 5, "idle": 600}
    answer = admin.post("/pools/linux/policy/", {"number": "1"}, follow=True)
    assert "linux uses policy 1 again." in answer.content.decode()
    pool.refresh_from_db()
    assert pool.policy == {"max": 5}
    assert pool.policies.count() == 3
    viewer = log_in(make_person("viewer"))
    assert "Use again" not in viewer.get("/pools/linux/").content.decode()
    refused = viewer.post("/pools/linux/policy/", {"number": "2"})
    assert refused.status_code == 403


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"setting": "slots", "value": "2"},
        {"setting": "max", "value": "1"},
        {"setting": "idle", "value": "601"},
        {"setting": "idle", "value": "nan"},
        {"setting": "min", "value": "8"},  # more than max
    ],
)
def test_what_the_replay_does_not_offer_is_not_used(
    pool: Pool, admin: Client, given: dict[str, str]
) -> None:
    admin.post("/pools/linux/use/", given)
    pool.refresh_from_db()
    assert pool.policy == {"max": 5}


def test_who_only_looks_sees_the_curve_and_no_button(pool: Pool) -> None:
    add_jobs(pool, 5)
    viewer = log_in(make_person("viewer"))
    assert "Use this" not in read(viewer)
    answer = viewer.post("/pools/linux/use/", {"setting": "idle", "value": "600"})
    assert answer.status_code == 403
    pool.refresh_from_db()
    assert pool.policy == {"max": 5}


def test_it_asks_the_database_no_more_for_more_jobs(pool: Pool, admin: Client) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            read(admin)
        return len(queries)

    add_jobs(pool, 2)
    few = count()
    PoolJob.objects.all().delete()
    add_jobs(pool, 60)
    assert count() == few
