"""What is deleted between any two queries of a request is told gone, or left out."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext

from servers.access.tokens import issue_token
from servers.models import Account, Instance, Leftover, Server, Template, Token
from tests.support.crawl import list_paths, make_everything
from tests.support.people import log_in, make_person

pytestmark = [pytest.mark.django_db, pytest.mark.pure]

API = (
    "/api/servers",
    "/api/servers/over",
    "/api/servers/over/why",
    "/api/templates",
    "/api/templates/other",
    "/api/accounts",
    "/api/accounts/spare",
    "/api/leaks",
    "/admin/servers/template/",
    "/admin/servers/templateversion/",
    "/admin/servers/account/",
    "/admin/servers/server/",
)


# The tables of what is deleted.
READ = re.compile(
    'FROM "servers_(server|template|templateversion|templateplacement|account'
    '|instance|leftover|token)"'
)


def delete_all() -> None:
    """Delete what people and the purge can delete."""
    Server.objects.filter(name="over").delete()
    other = Template.objects.get(name="other")
    other.versions.all().delete()
    other.delete()
    Instance.objects.all().delete()
    Leftover.objects.all().delete()
    Account.objects.get(name="spare").delete()
    Token.objects.filter(name="ci").delete()
    User.objects.get(username="guest").delete()


@contextmanager
def before_query(number: int, act: Callable[[], None]) -> Iterator[None]:
    """Act before a query of the block, counted from 0."""
    seen: list[int] = []

    def run(execute: Any, *call: Any) -> Any:
        seen.append(1)
        if len(seen) == number + 1:
            act()
        return execute(*call)

    with connection.execute_wrapper(run):
        yield


def list_moments(ask: Callable[[], Any]) -> list[int]:
    """Return the numbers of the queries by which a request has read a table.

    What is deleted before was deleted before the request.
    """
    with CaptureQueriesContext(connection) as queries, transaction.atomic():
        ask()
        transaction.set_rollback(True)
    read = [bool(READ.search(query["sql"])) for query in queries]
    return [number for number in range(len(read)) if any(read[:number])]


def ask_at_each_query(ask: Callable[[], Any], what: str) -> list[str]:
    """Return what failed when everything was deleted before a query of a request."""
    wrong = []
    for number in list_moments(ask):
        with transaction.atomic():
            with before_query(number, delete_all):
                answer = ask()
            transaction.set_rollback(True)
        if answer.status_code >= 500:
            wrong.append(f"{what}, before query {number}: {answer.status_code}")
    return wrong


def test_no_page_fails_if_what_it_shows_is_deleted_meanwhile() -> None:
    make_everything()
    admin = log_in(make_person("root"))
    admin.raise_request_exception = False
    wrong: list[str] = []
    for path in sorted({*list_paths(server="over").values(), *API}):
        if admin.get(path).status_code == 200:
            wrong += ask_at_each_query(lambda path=path: admin.get(path), path)  # type: ignore[misc]
    assert not wrong


def test_a_server_is_refused_if_its_template_is_deleted_meanwhile() -> None:
    make_everything()
    headers = {"authorization": f"Bearer {issue_token('t', scopes=['servers:write'])}"}
    client = Client(raise_request_exception=False)

    def post() -> Any:
        body = {"template": "other", "name": "new"}
        return client.post("/api/servers", body, "application/json", headers=headers)

    assert post().status_code == 200
    Server.objects.get(name="new").delete()
    assert not ask_at_each_query(post, "POST /api/servers")
