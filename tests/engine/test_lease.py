"""Each call has its own lease, and loses against a step that took one meanwhile."""

from datetime import timedelta
from typing import Any

import pytest

from servers import engine
from servers.engine import reading
from servers.lifecycle.decide import decide
from servers.models import Account, Attempt
from servers.operations.accounts import save_account
from servers.records import leases
from servers.records.ledger import database_now
from tests.support.fleet import (
    TIMINGS,
    Workshop,
    change_template,
    live_keys,
    make_fleet,
    provision,
)

pytestmark = pytest.mark.django_db(transaction=True)


def make_open_fleet(workshop: Workshop, **options: Any) -> Account:
    account = make_fleet(**options)
    workshop.run_until(
        lambda: account.locations.filter(listings__isnull=False).exists()
    )
    return account


def test_a_fallback_to_a_slower_cloud_has_the_longer_lease(workshop: Workshop) -> None:
    make_fleet(no_capacity=["small"])
    slow = save_account(
        Account(
            name="slow",
            kind="sandbox",
            options={"boot": 0.1, "timings": {**TIMINGS, "lease": 60, "call": 20}},
        )
    )
    change_template(fallbacks=[{"account": "slow"}])
    server = provision()
    workshop.run_to("running", server)
    assert server.account_id == slow.pk
    leased = [
        each.lease_end - each.asked_at for each in Attempt.objects.order_by("number")
    ]
    assert leased[0] == timedelta(seconds=TIMINGS["lease"])
    assert leased[-1] == timedelta(seconds=60)


def test_a_step_that_was_overtaken_before_its_intent_sends_no_call(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_open_fleet(workshop)
    server = provision()

    def overtake(*arguments: Any) -> Any:
        """Let another process take the lease between the read and the intent."""
        lease = leases.Lease(server.fence + 1, database_now() + timedelta(seconds=60))
        assert leases.claim(server, lease)
        return decide(*arguments)

    monkeypatch.setattr(reading, "decide", overtake)
    engine.advance(server.pk)
    server.refresh_from_db()
    assert (server.state, server.fence) == ("pending", 1)
    assert server.lease_until is not None
    assert not Attempt.objects.exists()
    assert live_keys(account) == []


def test_an_error_in_a_decision_does_not_lose_the_answer_before_it(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_open_fleet(workshop)
    server = provision()

    def fail(snapshot: Any, now: Any) -> Any:
        if snapshot.state == "created":
            raise KeyError("a bug")
        return decide(snapshot, now)

    monkeypatch.setattr(reading, "decide", fail)
    engine.advance(server.pk)
    server.refresh_from_db()
    assert server.state == "created"
    assert server.waiting.startswith("A step failed because of a bug in ServerFleet.")
    assert server.lease_until is None
    assert Attempt.objects.get().outcome == "accepted"
    assert live_keys(account) == [Attempt.objects.get().key]
    assert server.instance_id
