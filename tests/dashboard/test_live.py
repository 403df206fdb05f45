"""Polled pages: a 304 for what has not changed, and never one for what has."""

import time
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from servers.models import Server, Session
from servers.operations.change import Change, change_server
from servers.operations.fleet import pause_fleet
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person

pytestmark = pytest.mark.django_db(transaction=True)

PATHS = ("/", "/servers/", "/servers/one/", "/leaks/")


@pytest.fixture(autouse=True)
def fleet(workshop: Workshop) -> None:
    make_fleet()
    provision(name="one")


def poll(client: Client, path: str, etag: str) -> Any:
    return client.get(path, headers={"if-none-match": etag, "x-live": "1"})


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("role", ["viewer", "root"])
def test_an_unchanged_page_costs_a_304_and_three_queries(path: str, role: str) -> None:
    client = log_in(make_person(role))
    page = client.get(path)
    assert page["Cache-Control"] == "private, no-cache"
    assert f'data-etag="{page["ETag"]}"'.replace('"', "&quot;") in (
        page.content.decode().replace('"', "&quot;")
    )
    for _ in range(3):
        with CaptureQueriesContext(connection) as queries:
            again = poll(client, path, page["ETag"])
        if again.status_code == 304:
            break
        page = again  # time alone moves some tags, every few seconds
    assert (again.status_code, again.content) == (304, b"")
    assert len(queries) <= 3


@pytest.mark.parametrize("path", PATHS)
def test_a_change_is_never_answered_with_a_304(path: str) -> None:
    client = log_in(make_person("viewer"))
    etag = client.get(path)["ETag"]
    change_server("one", Change(labels={"a": "b"}))
    after = poll(client, path, etag)
    assert (after.status_code, after["ETag"] == etag) == (200, False)
    pause_fleet(note="night")
    assert b"night" in poll(client, path, after["ETag"]).content


def test_a_tag_is_good_for_one_person_one_address_and_these_rights_alone() -> None:
    user = make_person("viewer")
    client = log_in(user)
    etag = client.get("/servers/")["ETag"]
    assert poll(client, "/servers/?state=running", etag).status_code == 200
    other = log_in(make_person("operator"))
    assert poll(other, "/servers/", etag).status_code == 200
    user.groups.add(Group.objects.get(name="operator"))
    assert b"New server" in poll(client, "/servers/", etag).content
    user.groups.clear()
    assert poll(client, "/servers/", etag).status_code == 403
    Session.objects.all().delete()
    assert poll(client, "/servers/", etag)["Location"].startswith("/login/")


def test_a_poll_takes_no_message_from_the_page_that_is_to_show_it() -> None:
    client = log_in(make_person("operator"))
    client.post("/servers/one/protect/")
    assert b"one is protected." not in poll(client, "/servers/one/", "").content
    assert b"one is protected." in client.get("/servers/one/").content


def test_a_message_is_shown_though_nothing_else_has_changed_and_not_again() -> None:
    client = log_in(make_person("operator"))
    etag = client.get("/servers/")["ETag"]
    client.post("/servers/act/", {"act": "retry"})  # does nothing, and says so
    told = client.get("/servers/", headers={"if-none-match": etag})
    assert b"Select some servers first" in told.content
    assert told["Cache-Control"] == "no-store"
    assert "ETag" not in told
    assert poll(client, "/servers/", etag).status_code == 304
    assert b"Select some" not in client.get("/servers/").content


def test_a_page_at_rest_costs_304s_however_long_and_a_busy_one_is_told_anew(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = log_in(make_person("operator"))
    busy = client.get("/servers/one/")["ETag"]
    workshop.run_to("running", Server.objects.get())
    provision(name="two")
    moving = client.get("/servers/two/")["ETag"]
    now = time.time()
    monkeypatch.setattr("servers.dashboard.shared.live.time.time", lambda: now + 600)
    assert poll(client, "/servers/two/", moving).status_code == 200
    assert poll(client, "/servers/one/", busy).status_code == 200
    rest = client.get("/servers/one/")["ETag"]
    monkeypatch.setattr("servers.dashboard.shared.live.time.time", lambda: now + 9999)
    assert poll(client, "/servers/one/", rest).status_code == 304
