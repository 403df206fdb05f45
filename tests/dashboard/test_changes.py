"""A change says what it changed, old and new, whoever made it, and tells no secret."""

import json
from typing import Any

import pytest
from django.test import Client

from servers.access.tokens import issue_token, revoke_token
from servers.models import Account, Event, Template, Token
from servers.operations import people
from servers.operations.accounts import save_account
from servers.operations.fleet import change_fleet
from servers.operations.templates import save_template
from servers.records.differences import list_differences
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person

SECRET = "hunter2-very-secret"


@pytest.mark.pure
@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ({"size": "small"}, {"size": "large"}, ["size: small → large"]),
        ({"size": "small"}, {"size": "small"}, []),
        ({"cap": None}, {"cap": 5}, ["cap: none → 5"]),
        ({"is_on": True}, {"is_on": False}, ["is on: yes → no"]),
        ({"ttl": 0}, {"ttl": 60}, ["ttl: no limit → 60 s"]),
        ({"key": "a"}, {"key": "b"}, ["key replaced"]),
        ({"key": ""}, {"key": "b"}, ["key added"]),
        ({"key": "a"}, {"key": ""}, ["key removed"]),
        (
            {"labels": {"a": "1", "b": "2"}},
            {"labels": {"b": "3", "c": "4"}},
            ["labels a: 1 → none", "labels b: 2 → 3", "labels c: none → 4"],
        ),
        (
            {"fallback 1": {"size": "small"}},
            {"fallback 1": {"size": "large"}, "fallback 2": {"size": "huge"}},
            ["fallback 1 size: small → large", "fallback 2: none → size=huge"],
        ),
        (
            {"fallback 1": {"size": "large"}},
            {},
            ["fallback 1: size=large → none"],
        ),
    ],
)
def test_a_difference_is_old_and_new(
    before: dict[str, Any], after: dict[str, Any], said: list[str]
) -> None:
    found = list_differences(before, after, secret=["key"], seconds=["ttl"])
    assert list(found) == said


@pytest.mark.pure
def test_a_long_value_is_cut() -> None:
    (said,) = list_differences({"x": "a"}, {"x": "b" * 9000})
    assert len(said) < 500


def last_event() -> Event:
    return Event.objects.order_by("-id")[0]


def api(path: str, body: dict[str, Any]) -> int:
    token = issue_token(f"t{Event.objects.count()}", scopes=["fleet:admin"])
    client = Client(headers={"authorization": f"Bearer {token}"})
    answer = client.patch(path, json.dumps(body), content_type="application/json")
    return answer.status_code


@pytest.mark.django_db(transaction=True)
def test_an_account_says_what_changed_and_that_credentials_were_replaced() -> None:
    account = make_fleet()
    assert api("/api/accounts/sandbox", {"creates_per_minute": 120}) == 200
    assert last_event().reason == (
        "The account sandbox was changed: creates per minute: 1000000 → 120."
    )
    page = log_in(make_person("admin")).get("/activity/").content.decode()
    assert "creates per minute: 1000000 → 120" in page
    account.refresh_from_db()
    amazon = Account(name="aws", kind="amazon", region="eu-west-1")
    keys = {"access_key_id": "AKIA1", "secret_access_key": SECRET}
    save_account(amazon, credentials=keys)
    assert last_event().reason == "The account aws was created."
    save_account(amazon, credentials=keys | {"secret_access_key": SECRET + "2"})
    assert last_event().reason == "The account aws was changed: credentials replaced."
    before = Event.objects.count()
    save_account(amazon)
    assert Event.objects.count() == before
    assert not Event.objects.filter(reason__contains=SECRET).exists()


@pytest.mark.django_db(transaction=True)
def test_templates_servers_and_the_fleet_say_what_changed(workshop: Workshop) -> None:
    make_fleet()
    body = {"size": "large", "max_servers": 7, "user_data": SECRET}
    assert api("/api/templates/default", body) == 200
    said = last_event().reason
    assert said.startswith("The template default is now version 2: ")
    for words in ("size: small → large", "server limit: none → 7", "user data added"):
        assert words in said
    template = Template.objects.get()
    template.user_data = SECRET + "2"
    save_template(template)
    assert "user data replaced" in last_event().reason
    change_fleet(max_servers=9)
    assert last_event().reason == "The fleet was changed: server limit: none → 9."
    provision(name="one", labels={"team": "a"})
    assert api("/api/servers/one", {"labels": {"team": "b"}, "ttl": 60}) == 200
    assert last_event().reason == "Changed labels team: a → b; ttl: no limit → 60 s."
    assert not Event.objects.filter(reason__contains=SECRET).exists()


@pytest.mark.django_db
def test_a_person_says_which_role_they_had_and_whether_they_were_active() -> None:
    root, ada = make_person("root"), make_person("viewer", name="ada")
    people.change_role(root, ada, "operator")
    assert last_event().reason == (
        "The person ada was changed: role: viewer → operator."
    )
    people.deactivate_person(root, ada)
    assert last_event().reason == "The person ada was changed: active: yes → no."
    people.activate_person(root, ada)
    assert last_event().reason == "The person ada was changed: active: no → yes."
    before = Event.objects.count()
    people.activate_person(root, ada)
    people.change_role(root, ada, "operator")
    assert Event.objects.count() == before


@pytest.mark.django_db
def test_a_person_changed_in_the_admin_says_their_old_name_and_roles() -> None:
    client = log_in(make_person("root"))
    ada = make_person("viewer", name="ada")
    path = f"/admin/auth/user/{ada.pk}/change/"
    form = {"username": "ada", "is_staff": "on", "groups": [ada.groups.get().pk]}
    assert client.post(path, form).status_code == 302
    assert last_event().reason == "The person ada was changed: staff: no → yes."
    before = Event.objects.count()
    assert client.post(path, form).status_code == 302
    assert Event.objects.count() == before
    form = {"username": "grace", "is_staff": "on", "is_superuser": "on"}
    form["email"] = "grace@example.com"
    assert client.post(path, form).status_code == 302
    assert last_event().reason == (
        "The person grace was changed: name: ada → grace; email added; "
        "superuser: no → yes; role: viewer → none."
    )
    assert last_event().actor == "user:root"


@pytest.mark.django_db
def test_a_revoked_token_says_which_scopes_it_had_and_never_its_secret() -> None:
    text = issue_token("ci", scopes=["servers:write", "servers:read"])
    parent = Token.objects.get(name="ci")
    issue_token("child", scopes=["servers:read"], parent=parent)
    assert revoke_token(parent)
    child, ci = Event.objects.order_by("-id")[:2]
    assert ci.reason == (
        "The token ci was revoked: scopes: servers:read, servers:write → none."
    )
    assert child.reason == (
        "The token child was revoked with ci, which created it: "
        "scopes: servers:read → none."
    )
    secret = text.split("_", 2)[2]  # which may contain underscores itself
    assert not Event.objects.filter(reason__contains=secret).exists()
