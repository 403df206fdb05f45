"""The hook of a queue is set up, replaced and removed on its page."""

from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client

from servers.models import Event, Hook, Queue
from servers.operations.queues import save_queue
from tests.support.crawl import Look
from tests.support.fleet import make_fleet
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

PAGE = "/queues/ci/"
SET = "/queues/ci/hook/"
REMOVE = "/queues/ci/remove-hook/"
OWN = "309c9c842g8565adecpd7469x6005989"


@pytest.fixture
def admin() -> Client:
    cache.clear()
    make_fleet()
    return log_in(make_person("admin"))


def make_queue(kind: str = "github") -> Queue:
    options = {"repositories": ["acme/app"]} if kind == "github" else {}
    url = "" if kind == "github" else f"https://{kind}.example.com"
    queue = Queue(name="ci", kind=kind, url=url, options=options, enabled=False)
    return save_queue(queue, credentials={"token": "token-one"})


def read(client: Client, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def fill(client: Client, **typed: str) -> dict[str, Any]:
    """Return the form of the page as a browser would send it."""
    (form,) = (one for one in Look(SET, read(client, SET)).forms if one.action == SET)
    return form.fill(**typed)


def find_secret(text: str) -> str:
    return text.partition('<pre id="secret" tabindex="0">')[2].partition("</pre>")[0]


def test_a_secret_is_shown_once_with_the_url_and_kept_by_nobody(admin: Client) -> None:
    make_queue()
    assert "Set up hook" in read(admin, PAGE)
    asked = read(admin, SET)
    assert "http://testserver/api/hooks/ci" in asked
    assert "Workflow jobs" in asked
    sent = fill(admin)
    answer = admin.post(SET, sent)
    text = answer.content.decode()
    secret = find_secret(text)
    assert len(secret) > 40
    assert "http://testserver/api/hooks/ci" in text
    assert answer.headers["Cache-Control"] == "no-store"
    assert Hook.objects.get().secret == secret
    # A reload or a double click replaces nothing that was shown.
    again = admin.post(SET, sent, follow=True).content.decode()
    assert "A secret is shown only once." in again
    assert Hook.objects.get().secret == secret
    for path in (PAGE, SET, "/pools/", "/activity/"):
        assert secret not in read(admin, path)
    with connection.cursor() as cursor:
        cursor.execute("SELECT secret FROM servers_hook")
        assert secret not in str(cursor.fetchall())
    assert "No hook has come yet." in read(admin, PAGE)


def test_a_secret_is_replaced_and_removed(admin: Client) -> None:
    make_queue()
    first = find_secret(admin.post(SET, fill(admin)).content.decode())
    assert "Replace secret" in read(admin, PAGE)
    assert "hooks signed with the old one are refused" in read(admin, SET)
    second = find_secret(admin.post(SET, fill(admin)).content.decode())
    assert first != second == Hook.objects.get().secret
    assert "still reads the queue every 30 s" in read(admin, REMOVE)
    assert "no longer accepts hooks" in admin.post(REMOVE, follow=True).content.decode()
    assert not Hook.objects.exists()
    assert admin.post(REMOVE).status_code == 404
    told = Event.objects.filter(kind="queue_changed").order_by("pk")
    assert list(told.values_list("reason", "actor"))[-3:] == [
        ("The hook of the queue ci was created.", "user:admin"),
        ("The hook of the queue ci has a new secret.", "user:admin"),
        ("The hook of the queue ci was removed.", "user:admin"),
    ]


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("", "This field is required."),
        ("short", "Use 16 to 500 letters"),
        ("with a space in it ", "Use 16 to 500 letters"),
        ("x" * 501, "at most 500"),
    ],
)
def test_a_ci_that_makes_the_secret_itself_is_asked_for_it(
    admin: Client, secret: str, said: str
) -> None:
    make_queue("buildkite")
    assert "The secret that Buildkite created." in read(admin, SET)
    text = admin.post(SET, fill(admin, secret=secret)).content.decode()
    assert said in text
    assert not Hook.objects.exists()
    answer = admin.post(SET, fill(admin, secret=OWN), follow=True)
    assert "ci now accepts hooks with that secret." in answer.content.decode()
    assert OWN not in answer.content.decode()
    assert Hook.objects.get().secret == OWN


def test_a_ci_that_sends_no_hooks_has_no_page_for_them(admin: Client) -> None:
    make_queue("woodpecker")
    assert "Set up hook" not in read(admin, PAGE)
    assert admin.get(SET).status_code == admin.post(SET).status_code == 404


def test_who_may_only_look_sees_the_hook_and_no_button(admin: Client) -> None:
    make_queue()
    admin.post(SET, fill(admin))
    viewer = log_in(make_person("viewer"))
    assert "No hook has come yet." in read(viewer, PAGE)
    assert "Replace secret" not in read(viewer, PAGE)
    for path in (SET, REMOVE):
        assert viewer.get(path).status_code == viewer.post(path).status_code == 403
    assert Hook.objects.exists()
