"""Switches for people: freeze all destroys, protect a server, close a breaker."""

from datetime import timedelta

import pytest

from servers.errors import ConflictError, InvalidError
from servers.models import Account, Server
from servers.operations.accounts import close_breaker
from servers.operations.fleet import freeze_destroys
from servers.operations.terminate import protect_server, terminate_server
from servers.placing import breaker
from servers.records.ledger import database_now
from tests.support.fleet import Workshop, live_keys, make_fleet, provision

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_frozen_fleet_takes_terminations_and_destroys_nothing(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    server = provision()
    workshop.run_to("running", server)
    freeze_destroys(frozen=True, note="an incident")
    terminate_server(server.name)
    workshop.run_for(1.0)
    server.refresh_from_db()
    assert server.state == "stopping"
    assert "frozen" in server.waiting
    assert len(live_keys(account)) == 1
    freeze_destroys(frozen=False)
    workshop.run_to("stopped", server)
    with pytest.raises(InvalidError):
        freeze_destroys(frozen=True, note="x" * 501)


def test_a_protected_server_is_neither_terminated_nor_ended_by_its_ttl(
    workshop: Workshop,
) -> None:
    make_fleet()
    server = provision(ttl=60)
    workshop.run_to("running", server)
    protect_server(server.name, protected=True)
    with pytest.raises(ConflictError, match="is protected"):
        terminate_server(server.name)
    with pytest.raises(ConflictError):
        terminate_server(server.name, force=True)
    early = server.created_at - timedelta(hours=1)
    Server.objects.filter(pk=server.pk).update(created_at=early, next_step_at=early)
    workshop.run_for(0.5)
    server.refresh_from_db()
    assert server.state == "running"
    protect_server(server.name, protected=False)
    workshop.run_to("stopped", server)


def test_a_person_closes_a_breaker() -> None:
    account = make_fleet()
    for _ in range(breaker.OPENS_AFTER):
        now = database_now()
        breaker.note_failure(account, "No.", asked_at=now, now=now)
    close_breaker(account)
    account.refresh_from_db()
    assert account.breaker == Account.Breaker.CLOSED
    assert not breaker.explain_hold(account, now=database_now())
