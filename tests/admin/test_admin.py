"""The Django admin: everything in sight, no secrets, no state by hand."""

import json
from datetime import date
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin as django_admin
from django.contrib.auth.models import User
from django.test import Client

from servers.access.tokens import issue_token
from servers.messaging.heartbeats import write_heartbeat
from servers.models import (
    Account,
    Catalogue,
    DayCost,
    Event,
    Hook,
    HookDelivery,
    Host,
    IdempotentRequest,
    Leftover,
    NoCapacity,
    OneTimePassword,
    PoolJob,
    Queue,
    Registration,
    SavedView,
    Server,
    Session,
    Stamp,
    Template,
    TemplatePlacement,
    TemplateVersion,
    Token,
    VersionPlacement,
)
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person
from tests.support.pools import make_pool

pytestmark = pytest.mark.django_db(transaction=True)

HIDDEN = {
    Catalogue,
    NoCapacity,
    OneTimePassword,
    Session,
    Stamp,
    TemplatePlacement,
    TemplateVersion,
    VersionPlacement,
    Hook,
    HookDelivery,
}


def test_every_model_has_its_pages(client: Client, workshop: Workshop) -> None:
    server = provision()
    workshop.run_to("running", server)
    issue_token("ci", scopes=["servers:read"])
    Leftover.objects.create(
        account=server.account,
        resource_id="vol-1",
        kind="volume",
        first_seen=server.created_at,
    )
    DayCost.objects.create(day=date(2026, 1, 1), account=server.account_id)
    IdempotentRequest.objects.create(caller="token:ci", key="k", digest="d")
    write_heartbeat("worker")
    Host.objects.get_or_create(server=server)
    SavedView.objects.create(user=User.objects.get(), name="mine", query="state=all")
    pool = make_pool()
    PoolJob.objects.create(queue=pool.queue, key="k", queued_at=pool.created_at)
    Registration.objects.create(
        queue=pool.queue, server_uid=server.pk, key="k", asked_at=pool.created_at
    )
    for model in apps.get_app_config("servers").get_models():
        # Versions and placements are on their template's page, a session's key is a way
        # in, a one-time password is told by its person's page, stamps are the triggers'
        # own, a server's page tells what had no capacity, and an account's what its
        # cloud offers. A queue's page tells when a hook came.
        if model in HIDDEN:
            continue
        assert model in django_admin.site._registry, model
        name = model._meta.model_name
        page = client.get(f"/admin/servers/{name}/")
        assert page.status_code == 200, name
        row = model.objects.first()  # type: ignore[attr-defined]
        assert row is not None, name
        shown = client.get(f"/admin/servers/{name}/{row.pk}/change/")
        assert shown.status_code == 200, name


def test_no_page_shows_a_secret(client: Client) -> None:
    account = Account.objects.get()
    account.credentials = json.dumps({"token": "needle-credentials"})
    account.save()
    template = Template.objects.get()
    template.user_data = "needle-user-data"
    template.save()
    server = provision()
    server.secret, server.ca_key, server.tls_key = "needle-a", "needle-b", "needle-c"
    server.save()
    Host.objects.update_or_create(
        server=server,
        defaults={
            "daemon_key": "needle-d",
            "log_end": "needle-e",
            "token_digest": "needle-f",
            "secret_digest": "needle-g",
            "boot_log": "needle-h",
        },
    )
    token = issue_token("ci", scopes=["servers:read"])
    for path in (
        f"account/{account.pk}",
        f"template/{template.pk}",
        f"server/{server.pk}",
        f"host/{server.pk}",
        f"token/{Token.objects.get().pk}",
    ):
        text = client.get(f"/admin/servers/{path}/change/").content.decode()
        assert "needle" not in text
        assert "v1:k1:" not in text
        assert token.split("_", 2)[2] not in text
        assert Token.objects.get().digest not in text


@pytest.mark.parametrize("role", ["viewer", "operator", "admin"])
def test_each_role_sees_who_was_registered_and_no_secret(role: str) -> None:
    make_fleet()
    server = provision()
    row = Registration.objects.create(
        server_uid=server.pk,
        key="registered-key",
        environment='{"TOKEN": "needle"}',
        asked_at=server.created_at,
    )
    person = make_person(role)
    person.is_staff = True
    person.save()
    client, path = log_in(person), "/admin/servers/registration/"
    for shown in (path, f"{path}{row.pk}/change/"):
        page = client.get(shown)
        assert page.status_code == 200
        text = page.content.decode()
        assert "registered-key" in text
        assert "needle" not in text
        assert "environment" not in text
        assert "v1:k1:" not in text
    assert client.post(f"{path}{row.pk}/change/", {"key": "x"}).status_code == 403


def test_a_state_can_not_be_edited_nor_a_server_added_or_deleted(
    client: Client,
) -> None:
    server = provision()
    path = f"/admin/servers/server/{server.pk}"
    client.post(f"{path}/change/", {"state": "running", "name": "other"})
    server.refresh_from_db()
    assert (server.state, server.name != "other") == ("pending", True)
    assert client.post(f"{path}/delete/", {"post": "yes"}).status_code == 403
    assert client.get("/admin/servers/server/add/").status_code == 403


def test_the_actions_call_the_operations(client: Client, workshop: Workshop) -> None:
    servers = [provision() for _ in range(3)]
    workshop.run_to("running", *servers)
    answer = client.post(
        "/admin/servers/server/",
        {"action": "terminate", "_selected_action": [str(s.pk) for s in servers]},
        follow=True,
    )
    assert b"Terminating: " in answer.content
    workshop.run_to("stopped", *servers)
    answer = client.post(
        "/admin/servers/server/",
        {"action": "retry", "_selected_action": [str(servers[0].pk)]},
        follow=True,
    )
    assert b"Only a server in error can be retried" in answer.content


def test_an_account_is_checked_and_its_credentials_are_kept_or_replaced(
    client: Client,
) -> None:
    form: dict[str, Any] = {
        "name": "aws",
        "kind": "amazon",
        "endpoint": "",
        "region": "eu-central-1",
        "options": "{}",
        "max_servers": 5,
        "creates_per_minute": 60,
        "calls_at_once": 8,
        "enabled": "on",
        "new_credentials": "",
    }
    page = client.post("/admin/servers/account/add/", form)
    assert b"Access key id is missing." in page.content
    secret = '{"access_key_id": "a", "secret_access_key": "b"}'
    client.post("/admin/servers/account/add/", {**form, "new_credentials": secret})
    account = Account.objects.get(name="aws")
    path = f"/admin/servers/account/{account.pk}/change/"
    client.post(path, {**form, "max_servers": 9})
    account = Account.objects.get(name="aws")
    assert (account.max_servers, account.generation) == (9, 1)
    assert json.loads(account.credentials)["secret_access_key"] == "b"
    client.post(path, {**form, "new_credentials": secret.replace("b", "c")})
    assert Account.objects.get(name="aws").generation == 2
    wrong = client.post(
        path, {**form, "options": '{"moon": 1}', "new_credentials": "x"}
    )
    assert b"JSON object" in wrong.content


def test_the_list_has_no_query_per_row(
    client: Client, django_assert_max_num_queries: Any
) -> None:
    for _ in range(30):
        provision()
    assert Server.objects.count() == 30
    with django_assert_max_num_queries(14):
        client.get("/admin/servers/server/")


def test_what_only_shows_has_no_save_button_and_leads_to_its_page(
    client: Client,
) -> None:
    server = provision(name="one")
    text = client.get(f"/admin/servers/server/{server.pk}/change/").content.decode()
    assert 'name="_save"' not in text
    assert 'href="/servers/one/"' in text
    template = Template.objects.get()
    text = client.get(f"/admin/servers/template/{template.pk}/change/").content.decode()
    assert 'name="_save"' in text


def test_queues_and_pools_are_saved_by_their_operations(client: Client) -> None:
    template = Template.objects.get(name="default")
    queue = {"name": "drone", "kind": "drone", "url": "https://drone.example.com"}
    typed = {**queue, "options": "{}", "enabled": "on", "new_credentials": "{}"}
    page = client.post("/admin/servers/queue/add/", typed)
    assert "Token is missing." in page.content.decode()
    typed["new_credentials"] = '{"token": "needle-token"}'
    assert client.post("/admin/servers/queue/add/", typed).status_code == 302
    saved = Queue.objects.get()
    page = client.get(f"/admin/servers/queue/{saved.pk}/change/")
    assert "needle-token" not in page.content.decode()
    moved = {**typed, "url": "https://other.example.com", "new_credentials": ""}
    page = client.post(f"/admin/servers/queue/{saved.pk}/change/", moved)
    assert "enter all credentials again" in page.content.decode()
    pool = {
        "name": "linux",
        "template": str(template.pk),
        "queue": str(saved.pk),
        "labels": "{}",
        "priority": "0",
        "policy": '{"min": 3, "max": 2}',
    }
    page = client.post("/admin/servers/pool/add/", pool)
    assert "min: Use at most max." in page.content.decode()
    for odd in ('{"a":' * 9999, "9" * 5000, r'{"zone": "\ud800"}', r'["\ud800"]'):
        page = client.post("/admin/servers/pool/add/", pool | {"policy": odd})
        assert "Enter a valid JSON." in page.content.decode()
    typed["new_credentials"] = '{"token":' * 9999
    page = client.post(f"/admin/servers/queue/{saved.pk}/change/", typed)
    assert "This is not a JSON object of strings." in page.content.decode()
    pool["policy"] = '{"max": 2}'
    assert client.post("/admin/servers/pool/add/", pool).status_code == 302
    said = Event.objects.get(kind="pool_changed")
    assert said.actor.startswith("user:")
    assert said.reason == "The pool linux was created."
