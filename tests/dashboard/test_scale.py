"""Thousands of servers: every page stays small, and asks what it asks of a few."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin as django_admin
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from servers.lifecycle.states import State
from servers.models import (
    Account,
    Attempt,
    Event,
    Instance,
    Leftover,
    Location,
    Server,
    Template,
    TemplatePlacement,
    TemplateVersion,
    Token,
)
from servers.records.ledger import database_now
from servers.reports import costs, overview
from tests.support.crawl import list_paths, make_everything
from tests.support.fleet import Workshop
from tests.support.people import log_in, make_person

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.pure,
    pytest.mark.slow,
]

FEW, MANY = 50, 5000
# Polled: an unchanged one is a 304 with at most three queries.
LIVE = {
    *("overview", "servers", "server", "leaks", "accounts", "account", "templates"),
    *("template", "trial", "tokens", "activity", "system", "people", "person"),
    "start",
}
NOT_PAGES = {
    *("login", "logout", "logout-everywhere", "servers-csv", "servers-json", "theme"),
}
MAX_QUERIES = 18
MAX_BYTES = 100_000


def add_rows(start: int, end: int) -> None:
    """Make so many servers, each with an event, an attempt and an instance."""
    now = database_now()
    account = Account.objects.get(name="sandbox")
    recipe = TemplateVersion.objects.get(template__name="default", number=1)
    common: dict[str, Any] = {"account": account}
    states = [State.RUNNING] * 90 + [State.ERROR, State.STAGING, State.STOPPED] * 3
    servers = Server.objects.bulk_create(
        Server(
            **common,
            name=f"a-name-as-they-are-in-a-large-fleet-{number:04}",
            provider="sandbox",
            image="ubuntu-24.04",
            size="small",
            capacity=2,
            template_id=recipe.template_id,
            recipe=recipe,
            labels={f"label-{each}": "v" * 60 for each in range(20)},
            state=states[number % len(states)],
            state_since=now - timedelta(minutes=number % 500),
            address="10.200.100.50",
            error="It is a long error of a cloud. " * 40,
        )
        for number in range(start, end)
    )
    Event.objects.bulk_create(
        Event(
            account=account,
            server_uid=server.pk,
            server_name=server.name,
            kind="ready",
            to_state="running",
            actor="worker",
            at=now - timedelta(minutes=number % 900),
        )
        for number, server in enumerate(servers)
    )
    attempts = Attempt.objects.bulk_create(
        Attempt(
            **common,
            server=server,
            server_uid=server.pk,
            server_name=server.name,
            number=1,
            key=server.name,
            asked_at=now,
            lease_end=now,
        )
        for server in servers
    )
    Instance.objects.bulk_create(
        Instance(
            **common,
            instance_id=attempt.key,
            key=attempt.key,
            attempt=attempt,
            server_uid=attempt.server_uid,
            verdict="ours",
            live=True,
            first_seen=now,
        )
        for attempt in attempts
    )


def add_others(start: int, end: int) -> None:
    """Make so many accounts, each with a location, a template, a token, a leftover."""
    now = database_now()
    accounts = Account.objects.bulk_create(
        Account(name=f"a-{number}", kind="sandbox") for number in range(start, end)
    )
    Location.objects.bulk_create(Location(account=account) for account in accounts)
    templates = Template.objects.bulk_create(
        Template(name=f"t-{account.name}") for account in accounts
    )
    TemplatePlacement.objects.bulk_create(
        TemplatePlacement(template=template, account=account, image="i", size="s")
        for template, account in zip(templates, accounts, strict=True)
    )
    Token.objects.bulk_create(
        Token(name=account.name, public_id=account.name, user=User.objects.first())
        for account in accounts
    )
    Leftover.objects.bulk_create(
        Leftover(account=account, resource_id="v", kind="volume", first_seen=now)
        for account in accounts
    )


def count_queries(client: Client, path: str) -> tuple[int, Any]:
    with CaptureQueriesContext(connection) as queries:
        answer = client.get(path)
    assert answer.status_code in {200, 405}, path
    # When a person was last seen is written once a minute, on whatever page that is.
    asked = [
        query for query in queries if 'UPDATE "servers_session"' not in query["sql"]
    ]
    return len(asked), answer


def check_unchanged(client: Client, path: str, tag: str) -> None:
    """Ask again for a page that is as it was: a 304, for three queries."""
    for _ in range(3):  # while something is late its tag moves with the clock
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(path, headers={"if-none-match": tag, "x-live": "1"})
        if answer.status_code == 304:
            break
        tag = answer["ETag"]
    assert answer.status_code == 304, path
    asked = [
        query for query in queries if 'UPDATE "servers_session"' not in query["sql"]
    ]
    assert len(asked) <= 3, path


def measure(client: Client, root: Client) -> dict[str, int]:
    """Return how many queries each page and each list of the admin asks."""
    found = {}
    paths = {k: v for k, v in list_paths().items() if k not in NOT_PAGES}
    del paths["act-on-servers"]
    paths["search"] = "/servers/?search=fleet&account=sandbox&label=label-1&page=2"
    paths["by-state"] = "/servers/?state=running&ordering=-account"
    paths["a-week"] = "/?range=7d"
    paths["by-kind"] = "/activity/?kind=ready&who=workers&actor=work"
    client.get("/")  # what is cached for all pages
    for name, path in paths.items():
        costs._kept.clear()
        overview._kept.clear()  # how long it is kept would depend on the machine
        found[path], answer = count_queries(client, path)
        assert len(answer.content) < MAX_BYTES, (path, len(answer.content))
        if name in LIVE:
            check_unchanged(client, path, answer["ETag"])
    for model in django_admin.site._registry:
        if model._meta.app_label == "servers":
            path = f"/admin/servers/{model._meta.model_name}/"
            found[path], _ = count_queries(root, path)
    return found


def test_pages_and_lists_ask_the_same_of_fifty_servers_and_of_five_thousand(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Some tags change with time alone, and none may do so between two looks.
    monkeypatch.setattr(
        "servers.dashboard.shared.live.time.time", lambda: 1_800_000_000.0
    )
    make_everything()
    client, root = log_in(make_person("admin")), log_in(make_person("root"))
    add_rows(0, FEW)
    add_others(0, 3)
    few = measure(client, root)
    add_rows(FEW, MANY)
    add_others(3, 30)
    many = measure(client, root)
    assert {
        path: (few[path], many[path]) for path in few if few[path] < many[path]
    } == ({})
    pages = {path: most for path, most in many.items() if "/admin/" not in path}
    assert {path: most for path, most in pages.items() if most > MAX_QUERIES} == {}
    assert many["/servers/"] < MAX_QUERIES
