"""Tests of accounts whose cloud says nothing leave the web its threads."""

import socket
import time

import pytest

from servers.errors import UnavailableError
from servers.models import Account
from servers.operations import account_test, visits
from servers.operations.fleet import initialise_fleet
from tests.support.threads import at_once

pytestmark = pytest.mark.django_db(transaction=True)


def test_of_eight_tests_of_a_silent_port_two_wait_and_the_others_are_told_at_once() -> (
    None
):
    initialise_fleet(fleet_id="ci")
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        port = silent.getsockname()[1]
        account = Account(
            name="silent",
            kind="amazon",
            region="eu-central-1",
            endpoint=f"http://127.0.0.1:{port}",
            options={"timings": {"call": 3.0, "lease": 7.0}},
        )
        keys = {"access_key_id": "a", "secret_access_key": "b"}
        told: list[float] = []
        found: list[list[visits.Finding]] = []

        def run() -> None:
            began = time.monotonic()
            try:
                found.append(account_test.probe_account(account, credentials=keys))
            except UnavailableError:
                told.append(time.monotonic() - began)

        at_once(*[run] * 8)
    assert len(found) == visits.MAX_AT_ONCE
    assert all(not finding.works for findings in found for finding in findings)
    assert len(told) == 8 - visits.MAX_AT_ONCE
    assert max(told) < 2.5
