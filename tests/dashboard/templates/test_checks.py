"""A template's image and size are checked with the cloud before they are saved."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from servers.access.tokens import issue_token
from servers.clouds.sandbox import adapter
from servers.models import Account, Event, Server, Template, TemplateVersion
from servers.operations.templates import delete_template, save_template
from servers.reconciler import purge_history
from servers.records.ledger import database_now
from tests.dashboard.templates.forms import fill, new
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.pure]


@pytest.fixture
def admin(workshop: Workshop) -> Client:
    make_fleet(images=["ubuntu-24.04", "debian-12"])
    return log_in(make_person("admin", name="ada"))


def send(method: str, path: str, body: dict[str, Any]) -> Any:
    token = issue_token(f"t{Event.objects.count()}", scopes=["fleet:admin"])
    client = Client(headers={"authorization": f"Bearer {token}"})
    return client.generic(
        method, path, json.dumps(body), content_type="application/json"
    )


BIG = {"name": "big", "account": "sandbox", "image": "debian-12", "size": "large"}


def break_cloud(**faults: float) -> None:
    account = Account.objects.get()
    account.options = {**account.options, "faults": faults}
    account.save()


def test_a_typing_error_is_told_at_the_page_and_can_be_passed(admin: Client) -> None:
    for wrong in ({"image": "debain-12"}, {"size": "lrage"}):
        form = new(admin, **wrong)
        page = admin.post("/templates/new/", form)
        assert page.status_code == 200
        text = page.content.decode()
        assert f"no {next(iter(wrong))} {next(iter(wrong.values()))}" in text
        assert 'name="unchecked"' in text
        assert not Template.objects.filter(name="big").exists()
    assert 'name="unchecked"' not in admin.get("/templates/new/").content.decode()
    sent = admin.post("/templates/new/", {**form, "unchecked": "on"})
    assert sent.status_code == 302
    assert Template.objects.get(name="big").placements.get().size == "lrage"


def test_a_wrong_fallback_is_told_too(admin: Client) -> None:
    fallback = {"account": "sandbox", "image": "ubuntu-24.04", "size": "huge"}
    rows = {f"fallback-1-{name}": value for name, value in fallback.items()}
    form = fill(admin, "/templates/default/change/", **rows)
    page = admin.post("/templates/default/change/", form)
    assert "no size huge" in page.content.decode()
    assert Template.objects.get().version == 1


def test_a_cloud_that_does_not_answer_is_a_warning_to_pass(admin: Client) -> None:
    break_cloud(throttled=1)
    form = new(admin)
    page = admin.post("/templates/new/", form)
    assert "The cloud did not confirm this template." in page.content.decode()
    assert admin.post("/templates/new/", {**form, "unchecked": "on"}).status_code == 302


def test_the_api_refuses_says_and_can_be_told_not_to_ask(admin: Client) -> None:
    wrong = {**BIG, "image": "debain-12"}
    refused = send("POST", "/api/templates", wrong)
    assert refused.status_code == 400
    assert "no image debain-12" in refused.json()["message"]
    refused = send("PATCH", "/api/templates/default", {"size": "lrage"})
    assert refused.status_code == 400
    assert send("POST", "/api/templates?unchecked=1", wrong).status_code == 400
    assert send("POST", "/api/templates?unchecked=true", wrong).status_code == 201
    break_cloud(throttled=1)
    unsure = send("PATCH", "/api/templates/default", {"size": "large"})
    assert unsure.status_code == 503
    assert "did not confirm" in unsure.json()["message"]
    # What the cloud has no say in does not ask it.
    assert send("PATCH", "/api/templates/default", {"ttl": 60}).status_code == 200


@pytest.mark.parametrize("wrong", [{"placements": [1]}, {"region": "x" * 999}])
def test_what_is_wrong_in_itself_is_told_before_any_call(
    admin: Client, wrong: dict[str, Any]
) -> None:
    assert send("POST", "/api/templates", {**BIG, **wrong}).status_code == 400


def test_the_cloud_is_asked_outside_of_any_transaction(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    check = adapter.Sandbox.check_create

    def watch(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(connection.in_atomic_block)
        return check(self, *args, **kwargs)

    monkeypatch.setattr(adapter.Sandbox, "check_create", watch)
    admin.post("/templates/new/", new(admin))
    send("PATCH", "/api/templates/big", {"size": "small"})
    assert seen == [False, False]


def test_a_template_goes_while_the_records_of_its_servers_stay(
    admin: Client, workshop: Workshop
) -> None:
    server = provision(name="one")
    Server.objects.update(state="stopped", stopped_at=database_now())
    save_template(Template.objects.get())  # a version that no server was created from
    delete_template(Template.objects.get())
    page = admin.get("/servers/one/").content.decode()
    assert "default (deleted), version 1" in page
    assert admin.get("/servers/").status_code == 200
    token = issue_token("details", scopes=["servers:read"])
    details = admin.get(
        "/api/servers/one/details", headers={"authorization": f"Bearer {token}"}
    ).json()
    assert (details["template"], details["template_version"]) == ("default", 1)
    told = Event.objects.filter(reason="The template default was deleted.")
    assert told.exists()
    assert TemplateVersion.objects.get(servers=server).template_name == "default"
    Server.objects.update(stopped_at=database_now() - timedelta(days=9))
    purge_history()
    assert not TemplateVersion.objects.exists()
