"""A session can do in the API what its person can do on the pages, and no more."""

import json
from typing import Any, Final

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from servers.access.tokens import issue_token
from tests.api.conftest import Call
from tests.support.crawl import make_everything, take_snapshot
from tests.support.people import log_in, make_person
from tests.support.routes import list_routes

pytestmark = pytest.mark.django_db(transaction=True)

# Each act, and the permissions that its page asks for.
ACTS: Final[dict[tuple[str, str], tuple[str, ...]]] = {
    ("POST", "/api/servers"): ("add_server",),
    ("PATCH", "/api/servers/{name}"): ("change_server",),
    ("DELETE", "/api/servers/{name}"): ("change_server",),
    ("POST", "/api/servers/{name}/retry"): ("change_server",),
    ("POST", "/api/servers/{name}/cordon"): ("change_server",),
    ("POST", "/api/servers/{name}/uncordon"): ("change_server",),
    ("POST", "/api/pause"): ("change_fleet",),
    ("POST", "/api/resume"): ("change_fleet",),
    ("PATCH", "/api/fleet"): ("change_fleet",),
    ("POST", "/api/tokens"): ("add_token",),
    ("DELETE", "/api/tokens/{name}"): ("change_token",),
    ("POST", "/api/templates"): ("add_template",),
    ("PATCH", "/api/templates/{name}"): ("change_template",),
    ("DELETE", "/api/templates/{name}"): ("delete_template",),
    ("POST", "/api/templates/{name}/try"): ("change_template", "add_server"),
    ("POST", "/api/accounts"): ("add_account",),
    ("PATCH", "/api/accounts/{name}"): ("change_account",),
    ("DELETE", "/api/accounts/{name}"): ("delete_account",),
    ("POST", "/api/accounts/{name}/test"): ("change_account",),
    ("POST", "/api/accounts/{name}/catalogue"): ("change_account",),
    ("POST", "/api/accounts/{name}/close-breaker"): ("change_account",),
    ("POST", "/api/queues"): ("add_queue",),
    ("PATCH", "/api/queues/{name}"): ("change_queue",),
    ("DELETE", "/api/queues/{name}"): ("delete_queue",),
    ("POST", "/api/queues/{name}/test"): ("change_queue",),
    ("POST", "/api/queues/{name}/hook"): ("change_queue",),
    ("DELETE", "/api/queues/{name}/hook"): ("change_queue",),
    ("POST", "/api/pools"): ("add_pool",),
    ("PATCH", "/api/pools/{name}"): ("change_pool",),
    ("DELETE", "/api/pools/{name}"): ("delete_pool",),
    ("PUT", "/api/pools/{name}/demand"): ("change_pool",),
    ("POST", "/api/leaks/{pk}/adopt"): ("change_fleet",),
    ("POST", "/api/leaks/{pk}/destroy"): ("change_fleet",),
    ("POST", "/api/leaks/leftovers/{pk}/delete"): ("change_fleet",),
    ("POST", "/api/leaks/destroy-held"): ("change_fleet",),
}
READS: Final = {
    "/api/servers": "view_server",
    "/api/leaks": "view_server",
    "/api/events": "view_event",
    "/api/templates": "view_template",
    "/api/accounts": "view_account",
    "/api/costs": "view_account",
    "/api/fleet": "view_fleet",
    "/api/queues": "view_queue",
    "/api/pools": "view_pool",
    "/api/tokens": "view_token",
}


def send(client: Client, method: str, path: str) -> Any:
    address = path.replace("{name}", "no-such").replace("{pk}", "999999")
    return client.generic(method, address, "{}", content_type="application/json")


def give(user: User, *codenames: str) -> None:
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))


@pytest.mark.pure
def test_each_act_of_the_api_needs_the_permission_of_its_page(call: Call) -> None:
    known = {
        (route.method, route.path)
        for route in list_routes()
        if route.method not in {"GET", "HEAD", "OPTIONS"}
    }
    assert known == set(ACTS)
    user = User.objects.create_user("vi")
    every = {right for rights in ACTS.values() for right in rights}
    every |= {"view_server", *READS.values()}
    for (method, path), rights in ACTS.items():
        for right in rights:
            give(user, *(every - {right}))
            answer = send(log_in(user), method, path)
            assert answer.status_code == 403, (method, path, right)
            assert right in answer.json()["message"]
        give(user, "view_server", *rights)
        assert send(log_in(user), method, path).status_code != 403, (method, path)
    for path, right in READS.items():
        give(user, *(every - {right}))
        assert log_in(user).get(path).status_code == 403, path
        give(user, right)
        assert log_in(user).get(path).status_code == 200, path


@pytest.mark.pure
def test_a_token_of_a_person_needs_their_permission_and_its_own_scope(
    call: Call,
) -> None:
    user = User.objects.create_user("vi")
    give(user, "view_server", "change_server", "change_fleet")
    text = issue_token("hers", scopes=["fleet:admin"], user=user)
    for method, path in ACTS:
        headers = {"authorization": f"Bearer {text}"}
        address = path.replace("{name}", "no-such").replace("{pk}", "999999")
        answer = Client().generic(
            method, address, "{}", content_type="application/json", headers=headers
        )
        allowed = set(ACTS[method, path]) <= {"change_server", "change_fleet"}
        assert (answer.status_code != 403) is allowed, (method, path)


def test_an_operator_pauses_neither_by_the_page_nor_by_the_api() -> None:
    make_everything()
    operator = log_in(make_person("operator"))
    before = take_snapshot()
    assert operator.post("/pause/", {}).status_code == 403
    for path in ("/api/pause", "/api/resume"):
        assert operator.post(path).status_code == 403
    assert take_snapshot() == before


def test_a_session_without_its_csrf_token_is_refused_whatever_it_sends(
    call: Call,
) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(make_person("admin"))
    strict.get("/")
    mark = {"x-csrftoken": strict.cookies["csrftoken"].value}
    for headers, body, status in (
        ({}, "{}", 403),
        ({}, "{", 403),  # the body is not read
        (mark, "{", 400),
        (mark, "{}", 200),
    ):
        answer = strict.post(
            "/api/servers", body, content_type="application/json", headers=headers
        )
        assert answer.status_code == status, (headers, body)


def test_an_old_session_creates_no_token_by_the_api(
    call: Call,
) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from servers.models import Session, Token

    admin = log_in(make_person("admin"))
    Session.objects.update(began_at=timezone.now() - timedelta(minutes=16))
    before = Token.objects.count()
    body = json.dumps({"name": "x", "scopes": ["servers:read"]})
    answer = admin.post("/api/tokens", body, content_type="application/json")
    assert answer.status_code == 403
    assert "/account/confirm/" in answer.json()["message"]
    assert Token.objects.count() == before
