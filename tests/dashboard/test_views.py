"""Saved views of the list: one's own, bounded, and the list's own words."""

from typing import Any

import pytest
from django.test import Client

from servers.models import SavedView
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def viewer(workshop: Workshop) -> Client:
    make_fleet()
    return log_in(make_person("viewer"))


def save(client: Client, name: str, query: str) -> Any:
    return client.post("/views/new/", {"name": name, "query": query})


def test_filters_are_saved_under_a_name_and_found_on_the_list(viewer: Client) -> None:
    provision(name="one")
    assert b"Save view" not in viewer.get("/servers/").content
    page = viewer.get("/servers/?state=error&label=team=web&page=3")
    assert b"/views/new/?state=error&amp;label=team%3Dweb" in page.content
    etag = viewer.get("/servers/")["ETag"]
    answer = save(viewer, "Broken", "state=error&label=team%3Dweb&page=3&x=<b>")
    assert answer["Location"] == "/servers/?state=error&label=team%3Dweb"
    known = {"if-none-match": etag, "x-live": "1"}
    fresh = viewer.get("/servers/", headers=known)
    assert fresh.status_code == 200
    assert b'<a href="/servers/?state=error&amp;label=team%3Dweb">Broken</a>' in (
        fresh.content
    )
    # Again under the same name: replaced.
    save(viewer, "Broken", "state=stopped")
    assert SavedView.objects.get().query == "state=stopped"
    viewer.post("/views/delete/", {"view": "Broken"})
    viewer.post("/views/delete/", {"view": "Broken"})
    assert not SavedView.objects.exists()


def test_a_view_is_its_owners_alone(viewer: Client) -> None:
    save(viewer, "Mine", "state=error")
    other = log_in(make_person("operator"))
    assert b"Mine" not in other.get("/servers/").content
    other.post("/views/delete/", {"view": "Mine"})
    assert SavedView.objects.count() == 1
    assert Client().post("/views/new/", {"name": "x"}).status_code == 302


def test_there_is_a_limit_and_it_is_told_at_the_field(viewer: Client) -> None:
    for number in range(20):
        assert save(viewer, f"v-{number}", "state=error").status_code == 302
    answer = save(viewer, "one more", "state=error")
    assert b"You have 20 views. Delete one first." in answer.content
    assert save(viewer, "v-3", "state=stopped").status_code == 302
    assert SavedView.objects.count() == 20


@pytest.mark.parametrize("name", ["", "x" * 41, "a\0b"])
def test_a_name_that_is_none_is_told_at_the_field(viewer: Client, name: str) -> None:
    answer = save(viewer, name, "state=error")
    assert b'id="id_name_error"' in answer.content
    assert not SavedView.objects.exists()
