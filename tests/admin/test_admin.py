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
from tests.support.fleet import Workshop, change_template, make_fleet, provision
from tests.support.inline import fill_inline
from tests.support.people import log_in, make_person
from tests.support.pools import make_pool

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

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(workshop: Workshop) -> Client:
    make_fleet()
    found = Client()
    found.force_login(User.objects.create_superuser("ada"))
    return found


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


def fill_template(template: Template) -> dict[str, Any]:
    """Return the form of a template, as a browser would send it."""
    return {
        **fill_inline(template, image="debian-12", size="large"),
        "seen": template.version,
        "name": "default",
        "capacity": 4,
        "readiness": "address",
        "readiness_port": 22,
        "labels": "{}",
        "ttl": 0,
        "name_prefix": "agent-",
        "order": "listed",
        "overrides": "listed",
        "cloud_init": "none",
        "prune_hours": 0,
        "drain_seconds": 3600,
        "on_health_lost": "error",
        "is_default": "on",
        "new_user_data": "",
        "versions-TOTAL_FORMS": 0,
        "versions-INITIAL_FORMS": 0,
    }


def test_a_template_writes_a_version_each_time(client: Client) -> None:
    template = Template.objects.get()
    form = fill_template(template)
    path = f"/admin/servers/template/{template.pk}/change/"
    assert client.post(path, form).status_code == 302
    assert [
        version.placements.get().image
        for version in TemplateVersion.objects.order_by("number")
    ] == ["ubuntu-24.04", "debian-12"]
    template = Template.objects.get()
    wrong = fill_inline(template, options='{"moon": 1}')
    assert b"is unknown" in client.post(path, {**form, **wrong}).content
    server = provision()
    assert server.recipe.number == 2


def test_the_cloud_is_asked_before_a_template_is_saved(client: Client) -> None:
    template = Template.objects.get()
    form = fill_template(template)
    del form["is_default"]
    new = {"placements-INITIAL_FORMS": 0, "placements-0-id": "", "seen": 0}
    for path, name, rows in (
        (f"/admin/servers/template/{template.pk}/change/", "default", {}),
        ("/admin/servers/template/add/", "other", new),
    ):
        form |= {"name": name, "placements-0-size": "lrage", **rows}
        wrong = client.post(path, form)
        assert wrong.status_code == 200
        assert "no size lrage" in wrong.content.decode()
        assert TemplateVersion.objects.count() == 1
    sent = client.post(path, {**form, "unchecked": "on"})
    assert sent.status_code == 302
    assert Template.objects.get(name="other").placements.get().size == "lrage"


def test_placements_are_added_moved_and_removed(client: Client) -> None:
    template = Template.objects.get()
    path = f"/admin/servers/template/{template.pk}/change/"
    form = fill_template(template)
    more = fill_inline(template, {"size": "medium"}, size="small")
    more |= {"placements-0-order": 2, "placements-1-order": 1}
    assert client.post(path, {**form, **more}).status_code == 302

    def list_sizes() -> list[str]:
        return list(template.placements.values_list("size", flat=True))

    assert list_sizes() == ["medium", "small"]
    fewer = fill_inline(template) | {"placements-0-DELETE": "on", "seen": 2}
    assert client.post(path, {**form, **fewer}).status_code == 302
    assert list_sizes() == ["small"]
    none = fill_inline(template) | {"placements-0-DELETE": "on", "seen": 3}
    refused = client.post(path, {**form, **none}, follow=True)
    assert b"Use 1 to 11 placements." in refused.content
    assert list_sizes() == ["small"]
    assert Template.objects.get().version == 3
    # New ones need no number: without one they are the last.
    many = fill_inline(template, {"size": "large"}, {"size": "medium"}) | {"seen": 3}
    many |= {"placements-1-order": "", "placements-2-order": 1, "placements-0-order": 1}
    assert client.post(path, {**form, **many}).status_code == 302
    assert list_sizes() == ["small", "medium", "large"]


def test_a_change_by_somebody_else_is_not_undone_but_told(client: Client) -> None:
    template = Template.objects.get()
    path = f"/admin/servers/template/{template.pk}/change/"
    form = fill_template(template)
    change_template(size="medium")
    refused = client.post(path, form)
    assert b"Someone else saved a change" in refused.content
    assert template.placements.get().size == "medium"


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


def test_what_runs_on_a_server_is_set_and_what_is_secret_is_only_written(
    client: Client,
) -> None:
    template = Template.objects.get()
    path = f"/admin/servers/template/{template.pk}/change/"
    files = [{"path": "/etc/x", "content": "needle-file", "mode": "0600"}]
    agent = {"cloud_init": "docker", "readiness": "docker", "agent": "drone"}
    sent = fill_template(template) | {
        **agent,
        "new_agent_environment": json.dumps(
            {"DRONE_RPC_HOST": "drone.example.com", "DRONE_RPC_SECRET": "needle-rpc"}
        ),
        "new_files": json.dumps(files),
        "new_commands": "echo needle",
        "new_user_data": "#!/bin/sh\n# needle",
        "registry_mirrors": '["https://mirror.example"]',
        "labels": "",
        "drain_seconds": 90,
    }
    answer = client.post(path, sent)
    assert answer.status_code == 302, answer.context["adminform"].form.errors
    saved = Template.objects.get()
    assert (saved.agent, saved.drain_seconds, saved.labels) == ("drone", 90, {})
    assert saved.registry_mirrors == ["https://mirror.example"]
    assert json.loads(saved.files) == files
    assert (saved.commands, saved.user_data) == (
        "echo needle",
        "#!/bin/sh\n# needle",
    )
    assert "needle" not in client.get(path).content.decode()
    # Empty fields keep what is stored; what is ticked is deleted.
    again = fill_template(saved) | agent
    assert client.post(path, again).status_code == 302
    kept = Template.objects.get()
    assert (kept.commands, kept.files) == (saved.commands, saved.files)
    again |= {"seen": 3, "delete_stored": ["commands", "user_data"]}
    again |= fill_inline(kept)
    assert client.post(path, again).status_code == 302
    left = Template.objects.get()
    assert (left.commands, left.user_data, left.files) == ("", "", saved.files)
    again |= {"seen": 4, "delete_stored": []} | fill_inline(left)
    for name, text in (
        ("new_files", "{}"),
        ("new_files", "[" * 9999),
        ("new_agent_environment", "[]"),
        ("new_agent_environment", "{}"),  # the agent needs more
    ):
        wrong = client.post(path, again | {name: text})
        assert wrong.status_code == 200, text
        assert wrong.context["adminform"].form.errors[name], text


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
