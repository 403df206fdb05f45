"""What others change while a step or a listing is at work."""

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction

from servers import engine, reconciler
from servers.clouds.sandbox.adapter import Sandbox
from servers.engine import reading
from servers.lifecycle.decide import decide
from servers.models import Account, Attempt, Instance, Location, Server
from servers.operations.terminate import terminate_server
from servers.outgoing.errors import UnreachableError
from servers.placing import breaker
from servers.records import leases
from servers.records.ledger import database_now
from tests.support.fleet import (
    TIMINGS,
    Workshop,
    change_template,
    live_keys,
    make_fleet,
    provision,
    world_of,
)
from tests.support.worlds import turn

pytestmark = pytest.mark.django_db(transaction=True)


def make_open_fleet(workshop: Workshop, **options: Any) -> Account:
    """Create a fleet whose gate is open, and stays so without a listing."""
    timings = {**TIMINGS, "listing_idle": 60.0, "lease": 60.0, "call": 10.0}
    account = make_fleet(timings=timings, **options)
    workshop.run_until(
        lambda: account.locations.filter(listings__isnull=False).exists()
    )
    return account


def during(
    monkeypatch: pytest.MonkeyPatch, call: str, act: Callable[[], object]
) -> None:
    """Have something happen once, while the cloud answers a call."""
    send = getattr(Sandbox, call)
    acts = [act]

    def answer(*arguments: Any, **named: Any) -> Any:
        assert not connection.in_atomic_block
        if acts:
            acts.pop()()
        return send(*arguments, **named)

    monkeypatch.setattr(Sandbox, call, answer)


def take_over(server: Server) -> None:
    """Claim the row as another worker does once the lease has run out."""
    row = Server.objects.get(pk=server.pk)
    lease = leases.Lease(row.fence + 1, database_now() + timedelta(seconds=60))
    assert leases.claim(row, lease)


def test_an_answer_after_a_takeover_is_recorded_and_nothing_else_is_done(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_open_fleet(workshop)
    server = provision()
    during(monkeypatch, "create_instance", lambda: take_over(server))
    engine.advance(server.pk)
    server.refresh_from_db()
    assert server.state == "created"
    assert server.fence == 2
    assert server.lease_until is not None  # of the other worker
    assert live_keys(account) == [Attempt.objects.get().key]


def test_a_takeover_while_an_instance_is_finished_keeps_the_others_lease(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_open_fleet(workshop, power_on=True, visibility=0.0)
    server = provision()
    during(monkeypatch, "finish", lambda: take_over(server))
    engine.advance(server.pk)
    server.refresh_from_db()
    assert server.state == "created"
    assert server.fence == 3
    assert server.lease_until is not None
    assert not Attempt.objects.get().is_unfinished
    Server.objects.update(lease_until=None, next_step_at=database_now())
    workshop.run_to("running", server)
    calls = [name for name, *_ in world_of(account).calls()]
    assert (calls.count("create"), calls.count("power_on")) == (1, 1)


def test_a_termination_while_an_instance_is_finished_does_not_wait_for_its_back_off(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_open_fleet(workshop, power_on=True)
    server = provision()

    def fail(*_: Any, **__: Any) -> Any:
        terminate_server(server.name)
        raise UnreachableError("The cloud can't be reached.")

    monkeypatch.setattr(Sandbox, "finish", fail)
    engine.advance(server.pk)
    server.refresh_from_db()
    assert server.state == "shutdown"
    assert server.waiting == ""
    assert server.lease_until is None
    assert server.next_step_at is not None
    assert server.next_step_at <= database_now()
    assert not Attempt.objects.get().is_unfinished
    workshop.run_to("stopped", server)
    assert live_keys(account) == []


def test_a_step_knows_the_instance_of_a_server_that_was_terminated_meanwhile(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_open_fleet(workshop)
    server = provision()
    seen = []

    def watch(snapshot: Any, now: Any) -> Any:
        seen.append((snapshot.state, snapshot.own_instance is not None))
        return decide(snapshot, now)

    monkeypatch.setattr(reading, "decide", watch)
    during(monkeypatch, "create_instance", lambda: terminate_server(server.name))
    engine.advance(server.pk)
    assert seen[:2] == [("pending", False), ("shutdown", True)]


def test_a_destroy_call_whose_instance_was_merged_with_another_record_is_no_fault(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_open_fleet(workshop)
    server = provision()
    workshop.run_to("running", server)
    terminate_server(server.name)
    during(monkeypatch, "destroy_instance", lambda: Instance.objects.all().delete())
    engine.advance(server.pk)
    server.refresh_from_db()
    assert server.state == "stopping"
    assert "bug" not in server.waiting
    workshop.run_until(lambda: live_keys(account) == [])


def test_an_account_that_is_throttled_meanwhile_gets_no_further_create(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_open_fleet(workshop, no_capacity=["small"])
    change_template(fallbacks=[{"size": "medium"}])
    server = provision()

    def throttle() -> None:
        until = database_now() + timedelta(seconds=60)
        Account.objects.filter(pk=account.pk).update(throttled_until=until)

    during(monkeypatch, "create_instance", throttle)
    engine.advance(server.pk)
    server.refresh_from_db()
    assert server.state == "pending"
    assert "creates are paused" in server.waiting
    assert Attempt.objects.count() == 1


def test_a_breakers_test_that_was_not_sent_in_time_lets_the_next_one_through(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = make_open_fleet(workshop)
    Account.objects.update(
        breaker=Account.Breaker.OPEN,
        breaker_failures=breaker.OPENS_AFTER,
        breaker_until=database_now(),
    )
    server = provision()
    times = iter([0.0, 0.0])  # of the read, and before the intent
    with monkeypatch.context() as patch:
        patch.setattr("servers.engine.uptime.read", lambda: next(times, 3600.0))
        engine.advance(server.pk)
    attempt = Attempt.objects.get()
    assert (attempt.outcome, attempt.answer_class) == ("absent", "Unsent")
    account.refresh_from_db()
    assert account.breaker == Account.Breaker.HALF_OPEN
    assert account.breaker_until is None
    workshop.run_to("running", server)
    assert live_keys(account) == [Attempt.objects.get(outcome="accepted").key]


def test_a_listing_also_moves_a_server_whose_row_is_locked_at_that_moment(
    workshop: Workshop,
) -> None:
    account = make_open_fleet(workshop)
    server, other = provision(), provision()
    workshop.run_to("running", server, other)
    for each in (server, other):
        turn(world_of(account), each.instance_id, "stopped", time.time())
    locked = threading.Event()

    def hold() -> None:
        try:
            with transaction.atomic():
                Server.objects.select_for_update().get(pk=server.pk)
                locked.set()
                time.sleep(0.5)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert locked.wait(30)
    reconciler.observe_location(Location.objects.get().pk)
    thread.join()
    for each in (server, other):
        each.refresh_from_db()
        assert each.state == "error"


def test_an_overdue_server_that_only_a_listing_can_decide_waits_for_it(
    workshop: Workshop,
) -> None:
    make_open_fleet(workshop, boot=60)
    server = provision()
    engine.advance(server.pk)
    past = database_now() - timedelta(seconds=1)
    newest = past - timedelta(seconds=1)
    Server.objects.update(deadline_at=past, next_step_at=past)
    Location.objects.update(listed_from=newest)
    workshop.hints.clear()
    engine.advance(server.pk)
    server.refresh_from_db()
    assert server.state == "created"
    assert server.next_step_at is not None
    assert server.next_step_at > past + timedelta(seconds=1)
    assert workshop.hints == []
    Server.objects.update(deadline_at=database_now())
    workshop.run_to("error", server)
