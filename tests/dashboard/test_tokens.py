"""The tokens' page: one look at a secret, no more scopes than one's own."""

import time
import uuid
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.utils import timezone

from servers.access.tokens import check_token, issue_token
from servers.dashboard.shared import live
from servers.models import Event, Session, Token
from tests.support.fleet import make_fleet
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

FORM: dict[str, Any] = {"name": "ci", "scopes": ["servers:read"], "days": "90"}


@pytest.fixture
def admin(workshop: Any) -> Client:
    make_fleet()
    FORM["once"] = uuid.uuid4().hex  # the cache outlives a test
    return log_in(make_person("admin", name="ada"))


def test_a_secret_is_in_the_answer_that_made_it_and_nowhere_else(admin: Client) -> None:
    assert b"Create your first token" in admin.get("/tokens/").content
    made = admin.post("/tokens/new/", FORM)
    assert (made.status_code, made["Cache-Control"]) == (200, "no-store")
    words = made.content.decode().split('id="secret" tabindex="0">')
    text = words[1].split("<")[0]
    caller = check_token(text, now=timezone.now())
    assert caller is not None
    assert caller.name == "token:ci"
    secret = text.split("_", 2)[2]
    page = admin.get("/tokens/").content.decode()
    assert "sf_" in page
    assert secret not in page
    assert all(secret not in row.session_data for row in Session.objects.all())
    assert secret not in str(admin.session.items())
    assert [event.actor for event in Event.objects.filter(kind="token_made")] == [
        "user:ada"
    ]
    again = admin.post("/tokens/new/", FORM, follow=True)
    assert b"already sent and carried out" in again.content
    assert Token.objects.count() == 1


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"name": ""}, "required"),
        ({"name": "x" * 101}, "at most 100"),
        ({"name": "a\0b"}, "Null characters"),
        ({"name": "a\u202eb"}, "printable"),
        ({"scopes": []}, "Select at least one."),
        ({"scopes": ["secrets:read"]}, "valid choice"),
        ({"scopes": ["moon"]}, "valid choice"),
        ({"days": "-1"}, "valid choice"),
        ({"name": "taken"}, "already"),
    ],
)
def test_an_error_is_said_and_nothing_is_made(
    admin: Client, wrong: dict[str, Any], words: str
) -> None:
    issue_token("taken", scopes=["servers:read"])
    answer = admin.post("/tokens/new/", {**FORM, **wrong})
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert Token.objects.count() == 1
    # What was refused may be sent again.
    assert b"created</h1>" in admin.post("/tokens/new/", FORM).content


def test_nobody_gives_what_they_do_not_have(admin: Client) -> None:
    user = User.objects.create_user("vi")
    names = ("view_token", "add_token", "view_server")
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = log_in(user)
    assert b"servers:write" not in client.get("/tokens/new/").content
    answer = client.post("/tokens/new/", {**FORM, "scopes": ["fleet:admin"]})
    assert b"valid choice" in answer.content
    assert not Token.objects.exists()
    public_id = issue_token("other", scopes=["servers:read"]).split("_")[1]
    assert b"Revoke" not in client.get("/tokens/").content
    assert client.post(f"/tokens/{public_id}/revoke/").status_code == 403
    assert log_in(make_person("operator")).get("/tokens/").status_code == 403


def test_a_token_is_revoked_once_and_for_good(admin: Client) -> None:
    text = issue_token("<b>ci</b>", scopes=["servers:read"])
    path = f"/tokens/{text.split('_')[1]}/revoke/"
    asked = admin.get(path).content
    assert b"Revoke &lt;b&gt;ci&lt;/b&gt;?" in asked
    assert b"Calls with it are now refused" in admin.post(path, follow=True).content
    assert check_token(text, now=timezone.now()) is None
    assert b"was already revoked" in admin.post(path, follow=True).content
    assert Event.objects.filter(kind="token_revoked").count() == 1
    for wrong in ("none", "%00", "x" * 40):
        assert admin.get(f"/tokens/{wrong}/revoke/").status_code == 404


def test_each_token_says_whether_it_works(
    admin: Client, django_assert_max_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The page's tag changes each minute. None begins between the two requests.
    now_in_seconds = time.time()
    monkeypatch.setattr(live, "time", SimpleNamespace(time=lambda: now_in_seconds))
    for count in range(60):
        issue_token(f"t{count}", scopes=["servers:read"], user=make_owner(count))
    now = timezone.now()
    Token.objects.filter(name="t0").update(expires_at=now - timedelta(days=1))
    Token.objects.filter(name="t1").update(expires_at=now + timedelta(days=1))
    with django_assert_max_num_queries(9):
        first = admin.get("/tokens/")
    text = first.content.decode()
    for words in ("expired", "expires soon", "active", "owner deactivated", "of 60"):
        assert words in text
    with django_assert_max_num_queries(3):
        again = admin.get("/tokens/", headers={"if-none-match": first["ETag"]})
    assert again.status_code == 304


def make_owner(count: int) -> User:
    return User.objects.create_user(f"u{count}", is_active=count != 10)
