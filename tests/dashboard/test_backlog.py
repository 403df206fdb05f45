"""Servers that wait for one cause are one line of the overview, with what raises it."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from servers.models import Account, Attempt, Fleet, Heartbeat, Location, Server
from servers.operations.provision import Request, provision_servers
from servers.records.ledger import database_now
from servers.reports.attention.items import Concern, Item
from servers.reports.attention.load import list_attention
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person
from tests.support.trouble import age_server, open_breaker, start_processes

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account(workshop: Workshop) -> Account:
    account = make_fleet()
    workshop.run_until(Location.objects.filter(compared_at__isnull=False).exists)
    start_processes()
    return account


def attend() -> list[Item]:
    return list_attention(Fleet.objects.get(), now=database_now())


def queue_up(count: int, *, seconds: float = 0) -> None:
    for _ in range(0, count, 100):
        provision_servers(Request(count=min(100, count)))
    since = database_now() - timedelta(seconds=seconds)
    Server.objects.update(state_since=since, created_at=since)


@pytest.mark.parametrize("seconds", [0, 120])
def test_our_own_rate_is_one_line_at_once_with_the_limit_that_raises_it(
    account: Account, seconds: float
) -> None:
    Account.objects.update(creates_per_minute=60)
    queue_up(300, seconds=seconds)
    (item,) = attend()
    assert item.kind == Concern.BACKLOG
    assert item.sentence == (
        "300 servers wait in the queue. sandbox is limited to 60 creates per minute, "
        "so the last one is sent in about 4 minutes."
    )
    page = log_in(make_person("admin")).get("/").content.decode()
    line = page.partition('class="attention"')[2].partition("</ul>")[0]
    assert '/accounts/sandbox/change/#id_creates_per_minute"' in line
    assert "Terminate" not in line
    form = log_in(make_person("root")).get("/accounts/sandbox/change/").content.decode()
    assert 'id="id_creates_per_minute"' in form


def test_what_is_sent_within_seconds_is_no_trouble(account: Account) -> None:
    queue_up(3)
    assert attend() == []


def close_gate(_: Account) -> None:
    Location.objects.update(compared_at=database_now() - timedelta(hours=1))


def stop_workers(_: Account) -> None:
    Heartbeat.objects.filter(kind="worker").delete()


@pytest.mark.parametrize(
    ("kind", "happen"),
    [
        (Concern.BREAKER, open_breaker),
        (Concern.UNLISTED, close_gate),
        (Concern.NO_WORKER, stop_workers),
    ],
)
def test_a_cause_that_has_its_line_tells_how_many_wait_for_it(
    account: Account, kind: Concern, happen: Any
) -> None:
    queue_up(12, seconds=600)
    happen(account)
    (item,) = attend()
    assert (item.kind, item.waiting) == (kind, 12)
    page = log_in(make_person("viewer")).get("/").content.decode()
    assert "12 servers wait for it" in page


def test_a_cloud_that_asked_for_fewer_calls_is_one_line(account: Account) -> None:
    queue_up(5)
    Account.objects.update(throttled_until=database_now() + timedelta(seconds=40))
    (item,) = attend()
    assert (
        "5 servers wait because the cloud asked sandbox for fewer calls."
        in item.sentence
    )
    assert item.until is not None


def test_failures_of_one_cause_are_one_line_and_others_are_named(
    account: Account,
) -> None:
    for _ in range(40):
        age_server(provision(), 5, state="error", error="There is no image x.")
    age_server(provision(name="other"), 5, state="error", error="Quota.")
    items = {item.kind: item for item in attend()}
    assert set(items) == {Concern.GROUP, Concern.ERROR}
    assert (
        items[Concern.GROUP].sentence
        == "40 servers in sandbox failed for the same reason."
    )
    assert items[Concern.GROUP].detail == "There is no image x."
    assert items[Concern.ERROR].sentence == "other failed."
    page = log_in(make_person("viewer")).get("/").content.decode()
    assert "/servers/?state=error&amp;account=sandbox" in page


def test_a_boot_of_many_that_is_slow_is_one_line(account: Account) -> None:
    for _ in range(9):
        age_server(provision(), 900, state="staging", waiting="not ready")
    (item,) = attend()
    assert "9 servers in sandbox have been staging" in item.sentence


def test_the_queries_are_the_same_for_any_backlog(account: Account) -> None:
    Account.objects.update(creates_per_minute=1)
    counts = []
    for count in (2, 100):
        queue_up(count)
        fleet, now = Fleet.objects.get(), database_now()
        with CaptureQueriesContext(connection) as queries:
            list_attention(fleet, now=now)
        counts.append(len(queries))
    # Errors, the late, failed checks and the queues of pools have one each.
    assert counts == [8, 8]
    assert not Attempt.objects.exists()
