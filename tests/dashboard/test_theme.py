"""Light, dark or the system's: kept in the browser, and part of a page's tag."""

import pytest
from django.test import Client

from tests.support.fleet import Workshop, make_fleet
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]


@pytest.fixture
def viewer(workshop: Workshop) -> Client:
    make_fleet()
    return log_in(make_person("viewer"))


def test_a_theme_is_kept_and_a_page_of_the_other_one_is_not_taken_for_it(
    viewer: Client,
) -> None:
    page = viewer.get("/servers/")
    assert b'data-theme="auto"' in page.content
    answer = viewer.post("/theme/", {"theme": "dark", "next": "/servers/?state=error"})
    assert answer["Location"] == "/servers/?state=error"
    cookie = answer.cookies["theme"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")
    dark = viewer.get("/servers/", headers={"if-none-match": page["ETag"]})
    assert (dark.status_code, b'data-theme="dark"' in dark.content) == (200, True)
    assert b'data-theme="dark"' in viewer.get("/api/docs").content
    viewer.post("/theme/", {"theme": "auto"})
    assert b'data-theme="auto"' in viewer.get("/servers/").content


@pytest.mark.parametrize("value", ["<script>", "\0", "x" * 5000, ""])
def test_what_is_no_theme_is_none(viewer: Client, value: str) -> None:
    assert viewer.post("/theme/", {"theme": value}).status_code == 302
    viewer.cookies["theme"] = "<b>"
    assert b'data-theme="auto"' in viewer.get("/servers/").content
    assert Client().post("/theme/", {"theme": "dark"}).status_code == 302
