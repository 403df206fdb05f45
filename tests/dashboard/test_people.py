"""People: created with a one-time password, changed by who may do as much, ended."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.test import Client
from django.utils import timezone

from servers.access.tokens import issue_token
from servers.dashboard.people import login
from servers.models import Event, OneTimePassword, Session, Token
from tests.support.fleet import make_fleet
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

PASSWORD = "violet-harbour-7"


@pytest.fixture
def admin(workshop: Any) -> Iterator[Client]:
    forget()
    make_fleet()
    yield log_in(make_person("admin", name="ada"))
    forget()


def forget() -> None:
    cache.clear()
    login.failures.forget()
    login.anywhere.forget()


def read_password(answer: Any) -> str:
    assert (answer.status_code, answer["Cache-Control"]) == (200, "no-store")
    found = re.search(r'<pre id="secret" tabindex="0">(.*?)<', answer.content.decode())
    assert found is not None
    return found[1]


def enter(name: str, password: str) -> Client:
    client = Client()
    client.post("/login/", {"username": name, "password": password})
    return client


def test_a_person_is_created_and_chooses_a_password_before_anything_else(
    admin: Client,
) -> None:
    made = admin.post("/people/new/", {"name": "tomek", "role": "operator"})
    one_time = read_password(made)
    client = Client()
    entered = client.post("/login/", {"username": "tomek", "password": one_time})
    assert entered["Location"] == "/account/password/"
    for path in ("/", "/servers/", "/admin/", "/logout/everywhere/"):
        assert client.get(path)["Location"] == "/account/password/", path
    refused = client.get("/api/servers")
    assert (refused.status_code, "own" in refused.json()["message"]) == (403, True)
    change = {"old_password": one_time, "new_password1": "", "new_password2": ""}
    for wrong in ("short-one-1", "123456789012345", "password1234"):
        form = {**change, "new_password1": wrong, "new_password2": wrong}
        answer = client.post("/account/password/", form)
        assert (answer.status_code, b'role="alert"' in answer.content) == (200, True)
    again = enter("tomek", one_time)
    form = {**change, "new_password1": PASSWORD, "new_password2": PASSWORD}
    assert client.post("/account/password/", form)["Location"] == "/"
    assert client.get("/").status_code == 200
    # The other session of the one-time password is over, and so is that.
    assert again.get("/")["Location"].startswith("/login/")
    assert enter("tomek", one_time).get("/").status_code == 302
    assert enter("tomek", PASSWORD).get("/servers/new/").status_code == 200
    kinds = set(Event.objects.values_list("kind", flat=True))
    assert {"person_changed", "password_changed", "logged_in"} <= kinds
    assert not Event.objects.filter(reason__contains=one_time).exists()


def test_a_one_time_password_works_for_a_while(admin: Client) -> None:
    one_time = read_password(
        admin.post("/people/new/", {"name": "tomek", "role": "viewer"})
    )
    assert b"invited" in admin.get("/people/").content
    OneTimePassword.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    answer = Client().post("/login/", {"username": "tomek", "password": one_time})
    assert b"one-time password has expired" in answer.content
    # A password that was set since is theirs: by manage.py changepassword, say.
    tomek = User.objects.get(username="tomek")
    tomek.set_password(PASSWORD)
    tomek.save()
    assert enter("tomek", PASSWORD).get("/").status_code == 200
    assert b"invited" not in admin.get("/people/").content


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"name": "", "role": "viewer"}, "required"),
        ({"name": "ADA", "role": "viewer"}, "taken"),
        ({"name": "a b", "role": "viewer"}, "valid username"),
        ({"name": "x" * 151, "role": "viewer"}, "at most 150"),
        ({"name": "x\0", "role": "viewer"}, "Null characters"),
        ({"name": "tomek", "role": "root"}, "valid choice"),
    ],
)
def test_an_error_is_said_and_nobody_is_created(
    admin: Client, form: dict[str, str], words: str
) -> None:
    answer = admin.post("/people/new/", form)
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert User.objects.count() == 1


def test_the_list_says_who_was_seen_and_costs_the_same_for_many(
    admin: Client, django_assert_max_num_queries: Any
) -> None:
    for number in range(60):
        User.objects.create_user(f"p{number:02}", is_active=number != 7)
    log_in(User.objects.get(username="p00"))
    with django_assert_max_num_queries(11):
        text = admin.get("/people/").content.decode()
    for words in ("ada", "no role", "of 61", "active", "never"):
        assert words in text
    assert "deactivated" in admin.get("/people/?page=2").content.decode()
    viewer = log_in(make_person("viewer"))
    assert viewer.get("/people/").status_code == 403
    assert b"/people/" not in viewer.get("/").content


def test_who_is_deactivated_is_out_everywhere_and_the_tokens_were_listed_first(
    admin: Client,
) -> None:
    tomek = make_person("operator", name="tomek")
    client = log_in(tomek)
    issue_token("drone", scopes=["servers:write"], user=tomek)
    issue_token("mine", scopes=["servers:write"])
    path = f"/people/{tomek.pk}/deactivate/"
    asked = admin.get(path).content.decode()
    assert "drone" in asked
    assert "mine" not in asked
    assert client.get("/").status_code == 200
    admin.post(path)
    assert client.get("/").status_code == 302
    assert not Session.objects.filter(user_id=tomek.pk).exists()
    assert Token.objects.get(name="drone").revoked_at is not None
    assert Token.objects.get(name="mine").revoked_at is None
    admin.post(f"/people/{tomek.pk}/activate/")
    assert User.objects.get(pk=tomek.pk).is_active
    assert Token.objects.get(name="drone").revoked_at is not None
    deleted = admin.post(f"/people/{tomek.pk}/delete/", follow=True)
    assert b"tomek is deleted" in deleted.content
    assert deleted.redirect_chain[-1][0] == "/people/"
    assert not User.objects.filter(pk=tomek.pk).exists()


def test_role_sessions_and_password_are_changed(admin: Client) -> None:
    tomek = make_person("viewer", name="tomek")
    client = log_in(tomek)
    page = f"/people/{tomek.pk}/"
    assert client.get("/servers/new/").status_code == 403
    admin.post(f"{page}role/", {"role": "operator"})
    assert client.get("/servers/new/").status_code == 200
    assert b"operator" in admin.get(page).content
    assert b"1 session ended" in admin.post(f"{page}end-sessions/", follow=True).content
    assert client.get("/").status_code == 302
    one_time = read_password(admin.post(f"{page}reset/"))
    assert enter("tomek", one_time).get("/")["Location"] == "/account/password/"


@pytest.mark.parametrize(
    "act", ["role", "reset", "end-sessions", "deactivate", "activate", "delete"]
)
def test_nobody_changes_who_may_do_more_or_themselves(admin: Client, act: str) -> None:
    root = make_person("root")
    knows = make_person("viewer", name="knows")
    knows.user_permissions.add(Permission.objects.get(codename="view_secrets"))
    out = make_person("viewer", name="out")
    out.user_permissions.add(Permission.objects.get(codename="view_secrets"))
    User.objects.filter(pk=out.pk).update(is_active=False)
    ada = User.objects.get(username="ada")
    before = list(User.objects.order_by("pk").values())
    for person in (root, knows, out, ada):
        path = f"/people/{person.pk}/{act}/"
        answer = admin.post(path, {"role": "viewer"}, follow=True)
        assert b'class="message bad"' in answer.content, person
        assert b'<pre id="secret"' not in answer.content
    assert list(User.objects.order_by("pk").values()) == before
    assert Session.objects.filter(user_id=ada.pk).exists()


def test_nobody_gives_a_role_that_holds_more_than_they_may(admin: Client) -> None:
    user = User.objects.create_user("vi")
    names = ("view_user", "add_user", "change_user", "view_server")
    user.user_permissions.set(Permission.objects.filter(codename__in=names))
    client = log_in(user)
    for role in ("viewer", "operator", "admin"):
        answer = client.post("/people/new/", {"name": "x", "role": role})
        assert b"valid choice" in answer.content
    assert not User.objects.filter(username="x").exists()


def test_the_django_admin_leads_to_the_page_that_lists_what_ends(
    admin: Client,
) -> None:
    root, tomek = make_person("root"), make_person("viewer", name="tomek")
    client = log_in(root)
    page = client.get(f"/admin/auth/user/{tomek.pk}/change/").content.decode()
    assert 'name="is_active"' not in page
    assert f"/people/{tomek.pk}/" in page
    assert client.get(f"/admin/auth/user/{tomek.pk}/delete/").status_code == 403
    staff = User.objects.get(username="ada")
    staff.is_staff = True
    staff.save()
    assert admin.get("/admin/auth/user/").status_code == 403
    assert admin.get("/admin/auth/group/").status_code == 403


def test_everybody_changes_their_own_password(admin: Client) -> None:
    viewer = make_person("viewer")
    viewer.set_password(PASSWORD)
    viewer.save()
    client, other = log_in(viewer), log_in(viewer)
    new = "amber-lantern-88"
    form = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    wrong = client.post("/account/password/", {**form, "old_password": "x"})
    assert b'role="alert"' in wrong.content
    done = client.post("/account/password/", form, follow=True)
    assert b"Your password was changed." in done.content
    assert client.get("/").status_code == 200
    assert other.get("/").status_code == 302
    assert enter("viewer", new).get("/").status_code == 200
    assert Client().get("/account/password/")["Location"].startswith("/login/")
