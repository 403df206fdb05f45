"""Secrets go only to their destination, whoever makes a change and however."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from django.test import Client

from servers.errors import FleetError
from servers.models import Account, Server, Template
from servers.operations.accounts import save_account
from tests.api.conftest import Call
from tests.support.fleet import change_template, make_template, provision
from tests.support.inline import fill_inline
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]

KEYS = {
    "access_key_id": "needle-id",
    "secret_access_key": "needle-key",
    "session_token": "needle-token",
}

MACHINE = {
    "cloud_init": "none",
    "agent": "none",
    "drain_seconds": 60,
    "on_health_lost": "error",
    "prune_hours": 0,
}


@contextmanager
def listen() -> Iterator[tuple[str, list[bytes]]]:
    """Someone else's endpoint, and what it receives."""
    heard: list[bytes] = []

    class Ear(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            heard.append(bytes(self.headers) + self.rfile.read(length))
            self.send_response(500)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Ear) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", heard
        server.shutdown()


@pytest.fixture(autouse=True)
def aws(send: Call) -> Account:
    return save_account(
        Account(name="aws", kind="amazon", region="eu-central-1"), credentials=KEYS
    )


def make_builds(account: Account, **fields: Any) -> Template:
    return make_template(account, "builds", image="ami-1", size="t3.micro", **fields)


def test_another_endpoint_asks_for_every_credential_again(send: Call) -> None:
    path = "/api/accounts/aws"
    with listen() as (endpoint, heard):
        refused = send("PATCH", path, {"endpoint": endpoint})
        assert (refused.status_code, list(refused.json()["errors"])) == (
            400,
            ["credentials"],
        )
        assert Account.objects.get(name="aws").endpoint == ""
        keys = {name: f"new-{name}" for name in list(KEYS)[:2]}
        moved = send("PATCH", path, {"endpoint": endpoint, "credentials": keys})
        assert moved.status_code == 200, moved.content
        send("POST", f"{path}/test")
    held = json.loads(Account.objects.get(name="aws").credentials)
    assert held == keys  # and the session token, which was not given, is gone
    assert heard
    assert not [one for one in heard if b"needle" in one]


def test_another_kind_asks_for_every_credential_again(send: Call) -> None:
    refused = send("PATCH", "/api/accounts/aws", {"kind": "sandbox"})
    assert (refused.status_code, list(refused.json()["errors"])) == (
        400,
        ["credentials"],
    )


@pytest.mark.parametrize("act", ["save", "test"])
def test_the_page_asks_for_the_key_id_and_the_session_token_too(act: str) -> None:
    admin = log_in(make_person("admin"))
    form = {
        "seen": "",
        "region": "eu-central-1",
        "max_servers": 20,
        "creates_per_minute": 60,
        "calls_at_once": 8,
        "act": act,
    }
    with listen() as (endpoint, heard):
        form |= {"endpoint": endpoint, "credential-secret_access_key": "new"}
        answer = admin.post("/accounts/aws/change/", form)
    assert answer.content.count(b"Enter this again.") == 2
    assert not heard
    assert Account.objects.get(name="aws").endpoint == ""


def test_the_django_admin_asks_for_them_at_its_field() -> None:
    root = log_in(make_person("root"))
    account = Account.objects.get(name="aws")
    form = {
        "name": "aws",
        "kind": "amazon",
        "endpoint": "https://ec2.example.com",
        "region": "eu-central-1",
        "options": "{}",
        "max_servers": 20,
        "creates_per_minute": 60,
        "calls_at_once": 8,
        "new_credentials": "",
    }
    path = f"/admin/servers/account/{account.pk}/change/"
    refused = root.post(path, form)
    assert b"enter all credentials again" in refused.content
    account.refresh_from_db()
    assert account.endpoint == ""
    form["new_credentials"] = json.dumps(dict(list(KEYS.items())[:2]))
    assert root.post(path, form).status_code == 302
    account.refresh_from_db()
    assert account.endpoint == "https://ec2.example.com"


def test_no_user_data_moves_to_another_endpoint(aws: Account, send: Call) -> None:
    template = make_builds(aws, user_data="needle")
    change = {"endpoint": "https://ec2.example.com", "credentials": KEYS}
    refused = send("PATCH", "/api/accounts/aws", change)
    assert refused.status_code == 409
    assert "builds" in refused.json()["message"]
    # Nor by a server that was asked for before it was removed from the template.
    server = provision(template="builds")
    assert send("PATCH", "/api/templates/builds", {"user_data": ""}).status_code == 200
    assert send("PATCH", "/api/accounts/aws", change).status_code == 409
    Server.objects.filter(pk=server.pk).update(state="stopped")
    assert send("PATCH", "/api/accounts/aws", change).status_code == 200
    template.refresh_from_db()
    assert template.user_data == ""


@pytest.mark.parametrize(
    "change",
    [
        {"account": "mine"},
        {
            "placements": [
                {"account": name, "image": "ami-1", "size": "t3.large"}
                for name in ("aws", "mine")
            ]
        },
    ],
)
def test_another_account_asks_for_the_user_data_again(
    aws: Account, send: Call, change: dict[str, Any]
) -> None:
    make_builds(aws, user_data="needle")
    with listen() as (endpoint, heard):
        mine = {
            "name": "mine",
            "kind": "amazon",
            "region": "eu-central-1",
            "endpoint": endpoint,
            "credentials": dict(list(KEYS.items())[:2]),
        }
        assert send("POST", "/api/accounts", mine).status_code == 201
        refused = send("PATCH", "/api/templates/builds", change)
        assert (refused.status_code, list(refused.json()["errors"])) == (
            400,
            ["user_data"],
        )
        for again in ("", "needle", "other"):
            given = send(
                "PATCH",
                "/api/templates/builds?unchecked=true",
                {**change, "user_data": again},
            )
            assert given.status_code == 200, given.content
        # What is asked about is as long as the real one, and never the real one.
        send("POST", "/api/accounts/mine/test")
    assert not [one for one in heard if b"b3RoZXI" in one]


def test_the_pages_and_the_django_admin_ask_for_the_user_data_again(
    aws: Account,
) -> None:
    template = make_builds(aws, user_data="needle")
    save_account(
        Account(name="mine", kind="amazon", region="eu-central-1"), credentials=KEYS
    )
    admin = log_in(make_person("admin"))
    form = {
        "seen": "1",
        "account": "mine",
        "image": "ami-1",
        "size": "t3.micro",
        "capacity": 2,
        "readiness": "address",
        "readiness_port": 22,
        "ttl": 0,
        **MACHINE,
        "name_prefix": "agent-",
        "order": "listed",
        "overrides": "listed",
    }
    answer = admin.post("/templates/builds/change/", form)
    assert b"enter the user data again" in answer.content
    assert find_account_of(template) == "aws"
    sent = {**form, "user_data": "needle", "unchecked": "on"}
    assert admin.post("/templates/builds/change/", sent).status_code == 302
    assert find_account_of(template) == "mine"
    refused = _save_in_admin(template, aws)
    assert b"enter the user data again" in refused.content
    assert find_account_of(template) == "mine"


SECRETS = {
    "user_data": "#!/bin/sh\n# needle",
    "files": [{"path": "/etc/x", "content": "needle", "mode": "0600"}],
    "commands": "echo needle",
    "agent_environment": {"DRONE_RPC_HOST": "ci", "DRONE_RPC_SECRET": "needle"},
}


def test_another_account_asks_for_all_that_can_be_secret_again(
    aws: Account, send: Call
) -> None:
    make_builds(aws)
    docker = {"cloud_init": "docker", "readiness": "docker", "agent": "drone"}
    path = "/api/templates/builds?unchecked=true"
    made = send("PATCH", path, {**docker, **SECRETS})
    assert made.status_code == 200, made.content
    assert b"needle" not in made.content
    assert [made.json()[f"has_{name}"] for name in SECRETS] == [True] * 4
    save_account(
        Account(name="mine", kind="amazon", region="eu-central-1"), credentials=KEYS
    )
    for count in range(len(SECRETS)):
        some = dict(list(SECRETS.items())[:count])
        refused = send("PATCH", path, {"account": "mine", **some})
        assert refused.status_code == 400
        assert set(refused.json()["errors"]) == SECRETS.keys() - some.keys()
    # Nor do they go to another endpoint, each for itself.
    change = {"endpoint": "https://ec2.example.com", "credentials": KEYS}
    for name in SECRETS:
        empty: Any = {"files": [], "agent_environment": {}}.get(name, "")
        assert send("PATCH", "/api/accounts/aws", change).status_code == 409
        rest = {"agent": "none"} if name == "agent_environment" else {}
        assert send("PATCH", path, {name: empty, **rest}).status_code == 200
    assert send("PATCH", "/api/accounts/aws", change).status_code == 200


def find_account_of(template: Template) -> str:
    return template.placements.get().account.name


def _save_in_admin(template: Template, account: Account) -> Any:
    root: Client = log_in(make_person("root"))
    form = {
        **fill_inline(template, account=account.pk),
        "name": "builds",
        "seen": Template.objects.get(pk=template.pk).version,
        "capacity": 2,
        "labels": "{}",
        "readiness": "address",
        "readiness_port": 22,
        "ttl": 0,
        **MACHINE,
        "name_prefix": "agent-",
        "order": "listed",
        "overrides": "listed",
        "versions-TOTAL_FORMS": 0,
        "versions-INITIAL_FORMS": 0,
    }
    path = f"/admin/servers/template/{template.pk}/change/"
    return root.post(path, form, follow=True)


def test_an_account_with_fallbacks_can_be_renamed_and_not_deleted(
    aws: Account, send: Call
) -> None:
    save_account(
        Account(name="spare", kind="amazon", region="eu-central-1"), credentials=KEYS
    )
    make_builds(aws, user_data="needle", fallbacks=[{"account": "spare"}])
    provision(template="builds")
    renamed = send("PATCH", "/api/accounts/spare", {"name": "former"})
    assert renamed.status_code == 200
    # A namesake gets nothing that was meant for it.
    save_account(
        Account(name="spare", kind="amazon", region="eu-central-1"), credentials=KEYS
    )
    shown = send("GET", "/api/templates/builds").json()["placements"]
    assert [each["account"] for each in shown] == ["aws", "former"]
    change_template("builds", fallbacks=[])
    assert send("DELETE", "/api/accounts/former").status_code == 409
    Server.objects.update(state="stopped")
    # A version of its history still names it.
    assert send("DELETE", "/api/accounts/former").status_code == 409


def test_the_rule_is_the_operations_own() -> None:
    account = Account.objects.get(name="aws")
    account.endpoint = "https://ec2.example.com"
    for given, keep in ((None, False), ({"secret_access_key": "new"}, True)):
        with pytest.raises(FleetError, match="all credentials again"):
            save_account(account, credentials=given, keep=keep)
