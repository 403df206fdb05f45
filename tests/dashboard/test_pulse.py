"""The question that each open page asks each second, and what it costs."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from servers.dashboard.shared.pulse import askers
from servers.models import Session
from servers.operations.change import Change, change_server
from servers.operations.fleet import pause_fleet
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(workshop: Workshop) -> Client:
    make_fleet()
    provision(name="one")
    return log_in(make_person("viewer"))


def ask(client: Client, tag: str) -> Any:
    return client.get("/pulse/", headers={"if-none-match": tag})


@pytest.mark.parametrize("path", ["/", "/servers/", "/servers/one/", "/leaks/"])
def test_it_costs_one_query_and_tells_of_any_change(client: Client, path: str) -> None:
    page = client.get(path)
    tag = page["X-Pulse"]
    assert tag.strip('"') in page.content.decode()
    with CaptureQueriesContext(connection) as queries:
        still = ask(client, tag)
    assert (still.status_code, still.content, len(queries)) == (304, b"", 1)
    provision(name="two")
    assert (ask(client, tag).status_code, ask(client, tag).content) == (204, b"")
    tag = client.get(path)["X-Pulse"]
    assert ask(client, tag).status_code == 304
    change_server("one", Change(labels={"a": "b"}))
    assert ask(client, tag).status_code == 204
    tag = client.get(path)["X-Pulse"]
    pause_fleet(note="night")
    assert ask(client, tag).status_code == 204


def test_an_unchanged_page_gives_the_tag_again(client: Client) -> None:
    page = client.get("/servers/")
    tag = {"if-none-match": page["ETag"], "x-live": "1"}
    again = client.get("/servers/", headers=tag)
    assert (again.status_code, again["X-Pulse"]) == (304, page["X-Pulse"])


@pytest.mark.parametrize(
    "tag", ["", "*", '"0"', '"' + "a" * 9000, "\0", '"1764324000000"']
)
def test_who_was_shown_no_page_learns_nothing(client: Client, tag: str) -> None:
    quiet = ask(Client(), tag)
    provision(name="two")
    moved = ask(Client(), tag)
    for answer in (quiet, moved):
        assert (answer.status_code, answer.content) == (204, b"")
        assert answer["Cache-Control"] == "no-store"
        assert {"ETag", "X-Pulse", "Set-Cookie"}.isdisjoint(answer.headers)
    assert Client().post("/pulse/").status_code == 405


def test_an_address_is_limited_and_a_page_of_it_is_not(
    client: Client, settings: Any
) -> None:
    settings.RATE_TOKEN = 3
    askers.forget()
    tag = client.get("/servers/")["X-Pulse"]
    answers = [ask(client, tag) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [304, 304, 304, 429, 429]
    assert int(answers[-1]["Retry-After"]) >= 1
    askers.forget()


def test_a_session_that_ended_is_told_by_the_page_itself(client: Client) -> None:
    page = client.get("/servers/")
    Session.objects.all().delete()
    assert ask(client, page["X-Pulse"]).status_code == 304
    assert client.get("/servers/").status_code == 302
