"""A token can do no more than the person who created it, and does not outlive them."""

import threading
import time
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.utils import timezone

from servers.access.tokens import check_token, issue_token, revoke_token
from servers.errors import FleetError
from servers.freshness.stamps import read_stamps
from servers.models import Event, Token
from servers.operations.people import deactivate_person, delete_person
from tests.api.conftest import Call
from tests.support.people import log_in, make_person

pytestmark = pytest.mark.django_db(transaction=True)


def ask(token: str, method: str = "GET", path: str = "/api/servers") -> int:
    headers = {"authorization": f"Bearer {token}"}
    return Client().generic(method, path, headers=headers).status_code


def issue(**fields: Any) -> tuple[str, Token]:
    name = fields.pop("name", "ci")
    text = issue_token(name, scopes=fields.pop("scopes", ["fleet:admin"]), **fields)
    return text, Token.objects.get(name=name)


def test_a_token_loses_at_once_what_its_creator_loses(call: Call) -> None:
    user = make_person("admin", name="ada")
    text, _ = issue(user=user, scopes=["fleet:admin"])
    assert ask(text) == 200
    assert ask(text, "POST", "/api/pause") == 204
    user.groups.set([make_person("viewer", name="other").groups.get()])
    assert ask(text) == 200
    assert ask(text, "POST", "/api/pause") == 403
    user.groups.clear()
    assert ask(text) == 403
    user.user_permissions.add(Permission.objects.get(codename="view_server"))
    assert ask(text) == 200
    user.is_active = False
    user.save()
    assert ask(text) == 401
    user.is_active = True
    user.save()
    assert ask(text) == 200
    user.delete()
    assert ask(text) == 401


def test_a_role_that_loses_a_permission_takes_it_from_tokens(call: Call) -> None:
    user = make_person("operator", name="tomek")
    text, _ = issue(user=user, scopes=["servers:write"])
    assert ask(text, "POST") == 200
    user.groups.get().permissions.remove(Permission.objects.get(codename="add_server"))
    assert ask(text, "POST") == 403


def test_a_former_superuser_can_t_grant_secrets(call: Call) -> None:
    root = make_person("root")
    text, _ = issue(user=root, scopes=["secrets:read", "servers:read"])
    caller = check_token(text, now=timezone.now(), stamps=read_stamps())
    assert caller is not None
    assert caller.may("secrets:read")
    User.objects.filter(pk=root.pk).update(is_superuser=False)
    root.user_permissions.add(Permission.objects.get(codename="view_server"))
    caller = check_token(text, now=timezone.now(), stamps=read_stamps())
    assert caller is not None
    assert not caller.may("secrets:read")
    # A permission gives what only superusers had.
    root.user_permissions.add(Permission.objects.get(codename="view_secrets"))
    caller = check_token(text, now=timezone.now(), stamps=read_stamps())
    assert caller is not None
    assert caller.may("secrets:read")


def test_a_child_token_ends_with_its_parent(call: Call, send: Call) -> None:
    end = int(time.time()) + 100
    body = {"name": "parent", "scopes": ["fleet:admin"], "expires": end}
    parent = send("POST", "/api/tokens", body)
    assert (parent.status_code, parent["Cache-Control"]) == (201, "no-store")
    text = parent.json()["token"]
    headers = {"authorization": f"Bearer {text}"}

    def create(**fields: Any) -> Any:
        body = {"scopes": ["servers:read"], **fields}
        return send("POST", "/api/tokens", body, scopes=None, headers=headers)

    later = create(name="later", expires=end + 1)
    assert (later.status_code, list(later.json()["errors"])) == (400, ["expires"])
    for name, fields in (("never", {}), ("zero", {"expires": 0})):
        made = create(name=name, **fields)
        assert (made.status_code, made.json()["expires"]) == (201, end)
        assert made.json()["parent"] == "parent"
    sooner = create(name="sooner", expires=end - 50)
    assert sooner.json()["expires"] == end - 50
    grand = issue(name="grand", parent=Token.objects.get(name="never"))[0]
    assert ask(grand) == 200
    assert send("DELETE", "/api/tokens/parent").status_code == 204
    for child in (made.json()["token"], sooner.json()["token"], grand, text):
        assert ask(child) == 401
    assert Event.objects.filter(kind="token_revoked").count() == 5


def test_tokens_of_the_command_belong_to_no_person(call: Call) -> None:
    root, ada = make_person("root"), make_person("admin", name="ada")
    out = StringIO()
    call_command("createtoken", "ci", "--scope", "servers:write", stdout=out)
    text, token = out.getvalue().strip(), Token.objects.get(name="ci")
    assert (token.user, token.parent, token.expires_at) == (None, None, None)
    assert deactivate_person(root, ada) == 0
    User.objects.update(is_active=False)
    assert ask(text, "POST") == 200
    User.objects.all().delete()
    assert ask(text, "POST") == 200
    assert ask(text, "PATCH", "/api/fleet") == 403  # the command's scopes, no more


def test_deactivating_or_deleting_a_person_revokes_tokens_and_their_children(
    call: Call,
) -> None:
    root, ada = make_person("root"), make_person("admin", name="ada")
    text, parent = issue(user=ada)
    child, _ = issue(name="child", user=ada, parent=parent)
    assert deactivate_person(root, ada) == 2
    assert (ask(text), ask(child)) == (401, 401)
    ada.is_active = True
    ada.save()
    assert (ask(text), ask(child)) == (401, 401)
    other, _ = issue(name="other", user=ada)
    assert delete_person(root, ada) == 1
    assert ask(other) == 401


def test_a_token_created_in_a_session_belongs_to_its_person(call: Call) -> None:
    ada = make_person("admin", name="ada")
    body = '{"name": "hers", "scopes": ["servers:read"]}'
    made = log_in(ada).post("/api/tokens", body, content_type="application/json")
    assert (made.status_code, made.json()["maker"]) == (201, "ada")
    form = {"name": "page", "scopes": ["servers:read"], "days": "7"}
    log_in(ada).post("/tokens/new/", form)
    assert Token.objects.get(name="page").user == ada


def test_no_child_created_while_its_parent_is_revoked_survives(
    call: Call,
) -> None:
    """In any order, it is either refused or revoked as well."""
    for number in range(8):
        _, parent = issue(name=f"parent{number}")
        gate = threading.Barrier(4)
        made: list[str] = []

        def create(
            number: int = number,
            parent: Token = parent,
            gate: threading.Barrier = gate,
            made: list[str] = made,
        ) -> None:
            name = f"child{number}-{threading.get_ident()}"
            gate.wait()
            try:
                made.append(issue(name=name, parent=parent)[0])
            except FleetError:
                pass
            finally:
                connections.close_all()

        threads = [threading.Thread(target=create) for _ in range(3)]
        for thread in threads:
            thread.start()
        gate.wait()
        time.sleep(0.003 * number)
        revoke_token(parent)
        for thread in threads:
            thread.join()
        assert [ask(text) for text in made] == [401] * len(made)
