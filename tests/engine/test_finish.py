"""A cloud that needs a second call: the sandbox with a separate power-on."""

import hashlib
import time
from typing import Any

import pytest
from django.db import connection

from servers import engine
from servers.clouds.sandbox.driver import SandboxNodeDriver
from servers.models import Account, Attempt, Server
from servers.operations.accounts import save_account
from servers.operations.terminate import terminate_server
from servers.records.ledger import database_now
from servers.reports.why import explain_server
from tests.support.fleet import (
    QUICK,
    Workshop,
    change_template,
    make_fleet,
    make_template,
    provision,
    world_of,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

USER_DATA = "#!/bin/sh\necho needle-in-user-data\n"


def set_options(account: Account, **options: Any) -> None:
    Account.objects.filter(pk=account.pk).update(options={**account.options, **options})


def read_stored_spec(server: Server) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT spec FROM servers_attempt")
        (row,) = cursor.fetchall()
    assert Attempt.objects.get(server_uid=server.pk).is_unfinished is bool(row[0])
    return str(row[0])


@pytest.fixture
def account(workshop: Workshop) -> Account:
    """A sandbox that switches nothing on by itself, with an open gate."""
    # Visible at once: what is not visible yet is rightly switched on again.
    account = make_fleet(power_on=True, visibility=0.0)
    make_template(account, "builder", user_data=USER_DATA)
    workshop.run_until(
        lambda: account.locations.filter(listings__isnull=False).exists()
    )
    return account


def test_a_server_is_created_switched_on_and_ready(
    account: Account, workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    power_on = SandboxNodeDriver.ex_power_on

    def watched(self: SandboxNodeDriver, *arguments: str) -> Any:
        assert not connection.in_atomic_block
        return power_on(self, *arguments)

    monkeypatch.setattr(SandboxNodeDriver, "ex_power_on", watched)
    server = provision(template="builder")
    workshop.run_to("running", server)
    (row,) = world_of(account).live(time.time())
    assert row.user_data_sha256 == hashlib.sha256(USER_DATA.encode()).hexdigest()
    calls = [name for name, *_ in world_of(account).calls()]
    assert (calls.count("create"), calls.count("power_on")) == (1, 1)
    assert read_stored_spec(server) == ""


def test_lost_answers_are_asked_for_again_and_the_spec_is_kept_encrypted_till_then(
    account: Account, workshop: Workshop
) -> None:
    # Each call takes effect, and no answer to it arrives.
    set_options(account, faults={"timeout_after": 1})
    server = provision(template="builder")
    workshop.run_until(
        lambda: "power_on" in [name for name, *_ in world_of(account).calls()]
    )
    stored = read_stored_spec(server)
    assert stored.startswith("v1:")
    assert "needle" not in stored
    server.refresh_from_db()
    assert server.state == "created"
    why = explain_server(server, now=database_now())
    assert why.sentence.endswith("needs another call before it boots.")
    change_template("builder", size="medium")
    # What was lost is found done: it is switched on once.
    workshop.run_to("running", server)
    (row,) = world_of(account).live(time.time())
    assert row.size == "small"
    assert row.user_data_sha256 == hashlib.sha256(USER_DATA.encode()).hexdigest()
    assert read_stored_spec(server) == ""
    calls = [name for name, *_ in world_of(account).calls()]
    assert calls.count("create") == 1
    assert calls.count("power_on") > 1


def test_what_the_cloud_refuses_to_finish_falls_back_and_is_destroyed(
    account: Account, workshop: Workshop
) -> None:
    spare = save_account(
        Account(name="spare", kind="sandbox", options=dict(QUICK), max_servers=9)
    )
    change_template("default", fallbacks=[{"account": spare.name}])
    set_options(account, denied=["power_on"])
    workshop.run_until(lambda: spare.locations.filter(listings__isnull=False).exists())
    server = provision(template="default")
    workshop.run_to("running", server)
    assert server.account_id == spare.pk
    first, second = Attempt.objects.filter(server_uid=server.pk).order_by("number")
    assert (first.outcome, first.answer_class) == ("abandoned", "Credentials")
    assert "may not power_on" in first.answer
    assert second.outcome == "accepted"
    assert not first.is_unfinished
    workshop.run_until(lambda: not world_of(account).live(time.time()))


def test_a_server_that_is_terminated_before_it_is_finished_keeps_no_spec(
    account: Account, workshop: Workshop
) -> None:
    set_options(account, faults={"timeout_after": 1})
    server = provision(template="builder")
    engine.advance(server.pk)
    assert read_stored_spec(server)
    terminate_server(server.name)
    assert read_stored_spec(server) == ""
    set_options(account, faults={})
    workshop.run_to("stopped", server)
    assert not world_of(account).live(time.time())
