"""The overview: its buttons, who may press them, and which workers it worries about."""

import re
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from servers.models import Account, Event, Fleet, Heartbeat
from servers.reconciler.tick import tick
from servers.records.ledger import database_now
from servers.reports import costs, overview
from servers.reports.attention.items import Concern
from servers.reports.selectors import is_paused
from tests.dashboard.overview.reading import ago, kinds, read
from tests.support.fleet import provision
from tests.support.people import log_in, make_person
from tests.support.trouble import age_server, open_breaker

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_worker_that_another_replaced_needs_no_attention(account: Account) -> None:
    Heartbeat.objects.create(
        name="build-1:7", kind="worker", started_at=ago(900), seen_at=ago(60)
    )
    assert kinds() == {Concern.LOST_WORKER}
    Heartbeat.objects.create(
        name="build-1:8", kind="worker", started_at=ago(55), seen_at=ago(0)
    )
    assert kinds() == set()


def test_a_worker_killed_thrice_and_replaced_each_time_needs_no_attention(
    account: Account,
) -> None:
    for number, (begun, seen) in enumerate(((900, 120), (110, 80), (70, 40), (35, 0))):
        Heartbeat.objects.create(
            name=f"build-1:{number}",
            kind="worker",
            started_at=ago(begun),
            seen_at=ago(seen),
        )
    assert kinds() == set()


def test_one_worker_that_lives_excuses_no_other_that_died(account: Account) -> None:
    # Both fell silent at once, and one has begun since.
    for number, (begun, seen) in enumerate(((900, 60), (800, 60), (55, 0))):
        Heartbeat.objects.create(
            name=f"build-2:{number}",
            kind="worker",
            started_at=ago(begun),
            seen_at=ago(seen),
        )
    assert kinds() == {Concern.LOST_WORKER}
    assert "stopped responding, and no worker has taken its place" in read()


def test_while_one_worker_hangs_and_another_works_only_that_is_said(
    account: Account,
) -> None:
    Heartbeat.objects.create(
        name="build-2:7",
        kind="worker",
        started_at=ago(900),
        seen_at=ago(0),
        trouble="its loop has been stuck for 9 s",
    )
    assert kinds() == {Concern.HANGING}
    assert "build-2:7 hangs." in read()


def test_every_button_works_once_and_says_so(account: Account) -> None:
    client = log_in(make_person("admin"))
    open_breaker(account)
    page = client.get("/").content.decode()
    assert page.count("The circuit breaker of sandbox is open") == 1
    assert "7 failed creates in a row: no capacity for small" in page
    assert re.search(r"next try <time [^>]*>in 4 min</time>", page)
    for path, form, said in (
        ("/reclose/", {"account": "sandbox"}, "Creates are sent again"),
        ("/reclose/", {"account": "sandbox"}, "already closed"),
        ("/scan/", {"account": "sandbox"}, "1 location is being listed"),
        ("/scan/", {}, "1 location is being listed"),
        ("/freeze/", {"note": "<b>"}, "Destroys are frozen."),
        ("/unfreeze/", {}, "Destroys are allowed again"),
        ("/pause/", {"note": "<b>night", "minutes": "60"}, "&lt;b&gt;night"),
        ("/resume/", {}, "The pause flag is cleared."),
        ("/confirm/", {}, "Nothing was done"),
        ("/confirm/", {"sure": "on"}, "already confirmed"),
    ):
        answer = client.post(path, form, follow=True)
        assert said in answer.content.decode(), path
    account.refresh_from_db()
    assert account.breaker == "closed"
    asked = Event.objects.filter(kind="scan_asked", actor="user:admin")
    assert asked.count() == 2


def test_what_is_sent_wrongly_stands_at_its_field_and_does_nothing(
    account: Account,
) -> None:
    client = log_in(make_person("admin"))
    for form in ({"minutes": "5"}, {"note": "n" * 501}, {"note": "a\0b"}):
        page = client.post("/pause/", form)
        assert 'class="error"' in page.content.decode()
        assert ">Cancel</a>" in page.content.decode()
    assert client.post("/reclose/", {"account": "no\0ne"}).status_code == 404
    page = client.post("/scan/", {"account": "none"}, follow=True)
    assert "There is no account named" in page.content.decode()
    assert not is_paused()
    assert not Fleet.objects.get().paused


def test_a_viewer_and_an_operator_may_switch_nothing(account: Account) -> None:
    for role in ("viewer", "operator"):
        client = log_in(make_person(role))
        paths = ("pause", "resume", "freeze", "unfreeze", "scan", "reclose", "confirm")
        for path in paths:
            assert client.post(f"/{path}/", {"account": "sandbox"}).status_code == 403
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(make_person("admin"))
    assert strict.post("/resume/").status_code == 403


def test_a_pause_ends_at_its_last_moment_by_itself(account: Account) -> None:
    log_in(make_person("admin")).post("/pause/", {"minutes": "30", "note": "n"})
    assert is_paused()
    Fleet.objects.update(paused_until=database_now() - timedelta(milliseconds=5))
    assert not is_paused()  # at once, although no tick has run
    assert kinds() == set()
    Fleet.objects.update(ticked_at=None)
    tick()
    fleet = Fleet.objects.get()
    assert (fleet.paused, fleet.paused_until, fleet.paused_note) == (False, None, "")
    assert Event.objects.order_by("-id")[0].kind == "resumed"


def test_the_queries_are_the_same_for_any_fleet(account: Account) -> None:
    client = log_in(make_person("admin"))
    client.get("/")
    counts = []
    for number in (1, 30):
        for _ in range(number):
            age_server(provision(), 90, state="error", error="x")
        overview._kept.clear()
        costs._kept.clear()
        with CaptureQueriesContext(connection) as cold:
            client.get("/")
        with CaptureQueriesContext(connection) as warm:
            client.get("/")
        counts.append((len(cold), len(warm)))
    assert counts == [(17, 15), (17, 15)]
