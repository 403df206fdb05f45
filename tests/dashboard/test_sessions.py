"""Sessions: kept as digests, with an idle end, an absolute end, and a recent log-in."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from servers.access.sessions import digest_key
from servers.dashboard.people import login
from servers.models import Session
from tests.support.fleet import make_fleet
from tests.support.people import log_in, make_person

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "violet-harbour-7"


@pytest.fixture
def root(workshop: Any) -> Iterator[User]:
    forget()
    make_fleet()
    user = make_person("root")
    user.set_password(PASSWORD)
    user.save()
    yield user
    forget()


def forget() -> None:
    cache.clear()
    login.failures.forget()
    login.anywhere.forget()


def age(**times: timedelta) -> None:
    Session.objects.update(
        **{name: timezone.now() - time for name, time in times.items()}
    )


def test_the_database_holds_no_key_that_opens_a_session(root: User) -> None:
    client = log_in(root)
    key = client.session.session_key
    (row,) = Session.objects.all()
    assert row.session_key == digest_key(key) != key
    thief = Client()
    thief.cookies["sessionid"] = row.session_key
    assert thief.get("/").status_code == 302
    assert client.get("/").status_code == 200
    client.post("/logout/")
    assert not Session.objects.filter(pk=row.pk).exists()


def test_a_session_ends_when_nobody_did_anything_for_long(
    root: User, settings: Any
) -> None:
    settings.SESSION_IDLE_SECONDS = 600
    client = log_in(root)
    age(seen_at=timedelta(seconds=500))
    # A page that refreshes itself is nobody.
    assert client.get("/", headers={"x-live": "1"}).status_code == 200
    assert timezone.now() - Session.objects.get().seen_at > timedelta(seconds=400)
    assert client.get("/").status_code == 200
    assert timezone.now() - Session.objects.get().seen_at < timedelta(seconds=60)
    age(seen_at=timedelta(seconds=601))
    answer = client.get("/")
    assert answer.status_code == 302
    assert answer.cookies["sessionid"].value == ""  # the browser deletes it
    client = log_in(root)
    age(seen_at=timedelta(seconds=601))
    assert client.get("/api/servers").status_code == 401


def test_a_session_ends_at_its_time_however_much_is_done_in_it(root: User) -> None:
    client = log_in(root)
    end = Session.objects.get().expire_date
    session = client.session
    session["something"] = 1
    session.save()
    assert Session.objects.get().expire_date == end
    Session.objects.update(expire_date=timezone.now())
    assert client.get("/").status_code == 302


def test_what_gives_access_asks_for_the_password_again_and_goes_on(root: User) -> None:
    person = make_person("viewer")
    paths = ["/tokens/new/", "/people/new/"]
    paths += [
        f"/people/{person.pk}/{act}/"
        for act in ("role", "reset", "end-sessions", "deactivate", "activate", "delete")
    ]
    client = log_in(root)
    for path in paths:
        assert client.get(path).status_code == 200
    age(began_at=timedelta(minutes=16))
    for path in paths:
        for answer in (client.get(path), client.post(path, {})):
            assert answer["Location"].startswith("/account/confirm/?next=")
    before = client.session.session_key
    wrong = client.post("/account/confirm/", {"old_password": "x", "next": paths[0]})
    assert b"The password is wrong." in wrong.content
    right = {"old_password": PASSWORD, "next": paths[0]}
    assert client.post("/account/confirm/", right)["Location"] == paths[0]
    assert client.get(paths[0]).status_code == 200
    assert client.session.session_key != before
    evil = {**right, "next": "//evil.example"}
    assert client.post("/account/confirm/", evil)["Location"] == "/"


def test_guessing_in_a_stolen_session_has_the_limit_of_the_log_in(root: User) -> None:
    client = log_in(root)
    for path in ("/account/confirm/", "/account/password/"):
        for _ in range(login.MAX_BY_NAME // 2):
            assert client.post(path, {"old_password": "x"}).status_code == 200
    for path in ("/account/confirm/", "/account/password/"):
        right = client.post(path, {"old_password": PASSWORD})
        assert right.status_code == 429
        assert "Retry-After" in right
