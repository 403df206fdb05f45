"""A database that fails under a request is a 503, and nothing escapes to the log."""

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test import Client

from servers.access.tokens import issue_token
from tests.support.fleet import make_fleet

pytestmark = pytest.mark.django_db(transaction=True)


def fail(*_: Any) -> Any:
    raise OperationalError("connection failed: the database is in recovery mode")


@pytest.mark.parametrize("path", ["/api/servers", "/api/servers/one", "/api/me"])
def test_a_caller_who_cannot_be_identified_is_told_to_try_again(path: str) -> None:
    make_fleet()
    token = issue_token("ci", scopes=["servers:read", "secrets:read"])
    # It raises what escapes a view, as the service would log it.
    client = Client(headers={"authorization": f"Bearer {token}"})
    with connection.execute_wrapper(fail):
        answer = client.get(path)
    assert answer.status_code == 503
    assert answer["Retry-After"]
    assert answer.json()["message"]
