"""The pages: they show what is, do what they say, and tell people what they may not."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from servers.models import Server, Template
from tests.support.fleet import Workshop, make_fleet, provision

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def admin(workshop: Workshop) -> Client:
    make_fleet()
    client = Client()
    client.force_login(User.objects.create_superuser("ada"))
    return client


def client_with(*rights: str) -> Client:
    user = User.objects.create_user("vi")
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(user)
    return client


def test_strangers_are_sent_to_the_log_in(admin: Client) -> None:
    for path in ("/servers/", "/servers/new/", "/servers/x/"):
        answer = Client().get(path)
        assert answer.status_code == 302
        assert answer["Location"].startswith("/login/?next=")


def test_an_empty_fleet_says_what_to_do(admin: Client) -> None:
    assert b"Create your first server" in admin.get("/servers/").content


def test_a_server_is_made_watched_and_terminated_by_plain_forms(
    admin: Client, workshop: Workshop
) -> None:
    page = admin.get("/servers/new/")
    assert page.status_code == 200
    made = admin.post(
        "/servers/new/", {"template": "default", "count": 1, "name": "one"}
    )
    assert made["Location"] == "/servers/one/"
    server = Server.objects.get()
    workshop.run_to("running", server)
    text = admin.get("/servers/one/").content.decode()
    assert server.address in text
    assert "user:ada" in text
    assert "Terminate" in text
    asked = admin.get("/servers/one/terminate/")
    assert b"Type its name" in asked.content
    wrong = admin.post("/servers/one/terminate/", {"confirm": "two"}, follow=True)
    assert b"Nothing was done" in wrong.content
    admin.post("/servers/one/terminate/", {"confirm": "one"})
    workshop.run_to("stopped", server)
    assert b"Terminate" not in admin.get("/servers/one/").content


def test_a_form_that_is_sent_twice_makes_one(admin: Client) -> None:
    form = {"template": "default", "count": 1, "once": "abc"}
    admin.post("/servers/new/", form)
    again = admin.post("/servers/new/", form, follow=True)
    assert b"already sent" in again.content
    assert Server.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": "Not A Name"}, "lower-case"),
        ({"name": "a\0b"}, "Null characters"),
        ({"count": 0}, "greater than or equal to 1"),
        ({"count": 5, "name": "x"}, "share a name"),
        ({"capacity": 5000}, "less than or equal to 1000"),
        ({"labels": "no sign"}, "name=value"),
        ({"labels": "A;=b"}, "letters, digits, spaces"),
        ({"template": "none"}, "This template no longer exists."),
    ],
)
def test_an_error_stands_at_its_field_and_nothing_is_made(
    admin: Client, wrong: dict[str, Any], words: str
) -> None:
    answer = admin.post("/servers/new/", {"template": "default", "count": 1, **wrong})
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert not Server.objects.exists()


def test_a_viewer_sees_no_buttons_and_may_not_post(
    admin: Client, workshop: Workshop
) -> None:
    server = provision(name="one")
    viewer = client_with("view_server")
    text = viewer.get("/servers/").content + viewer.get("/servers/one/").content
    assert b"New server" not in text
    assert b"Terminate" not in text
    for path in (
        "/servers/new/",
        "/servers/one/terminate/",
        "/servers/one/retry/",
        "/pause/",
        "/resume/",
    ):
        assert viewer.post(path).status_code == 403
    server.refresh_from_db()
    assert server.state == "pending"


def test_an_errored_server_can_be_retried(admin: Client, workshop: Workshop) -> None:
    server = provision(image="nothing")
    workshop.run_to("error", server)
    page = admin.get(f"/servers/{server.name}/")
    assert b"Retry" in page.content
    assert b"no image nothing" in page.content
    admin.post(f"/servers/{server.name}/retry/")
    server.refresh_from_db()
    assert server.state == "pending"


def test_pause_is_shown_on_every_page(admin: Client) -> None:
    provision(name="one")
    admin.post("/pause/", {"note": "<b>the night</b>"})
    for path in ("/servers/", "/servers/one/", "/servers/new/"):
        text = admin.get(path).content.decode()
        assert "&lt;b&gt;the night&lt;/b&gt;" in text
        assert "user:ada" in text
    admin.post("/resume/")
    assert b"is paused" not in admin.get("/servers/").content


def test_every_page_has_the_strict_policy(admin: Client) -> None:
    provision(name="one")
    for path in ("/servers/", "/servers/one/", "/servers/new/", "/login/", "/admin/"):
        policy = admin.get(path, follow=True)["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy


def test_missing_pages_are_pages_to_people_and_json_to_clients(admin: Client) -> None:
    page = admin.get("/nothing")
    assert (page.status_code, page["Content-Type"][:9]) == (404, "text/html")
    assert admin.get("/servers/none/").status_code == 404
    assert admin.get("/api/none")["Content-Type"].startswith("application/json")


def test_a_form_without_its_token_is_refused(admin: Client) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="ada"))
    answer = strict.post("/servers/new/", {"template": "default", "count": 1})
    assert answer.status_code == 403
    assert b"out of date" in answer.content
    assert strict.post("/api/servers").status_code == 403
    assert not Server.objects.exists()


def test_the_list_asks_the_same_number_of_queries_for_any_number_of_servers(
    admin: Client, django_assert_max_num_queries: Any
) -> None:
    for count in (1, 30):
        for _ in range(count):
            provision()
        with django_assert_max_num_queries(10):
            admin.get("/servers/")


def test_a_search_and_a_state_narrow_the_list(admin: Client) -> None:
    provision(name="one")
    provision(name="two")
    assert b"two" not in admin.get("/servers/?search=one").content
    assert b"No matching servers" in admin.get("/servers/?state=running").content
    assert admin.get("/servers/?state=%00&search=%00&page=zzz").status_code in {
        200,
        404,
    }


def test_without_a_default_template_the_page_says_so(admin: Client) -> None:
    Template.objects.all().delete()
    assert admin.get("/servers/new/").status_code == 200
