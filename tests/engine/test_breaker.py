"""The breaker of an account: open after failures in a row, tried once, closed again."""

import time
from datetime import timedelta
from typing import Any

import pytest

from servers.clouds.base import FLEET_TAG, KEY_TAG, SERVER_TAG
from servers.models import Account, Attempt, Instance
from servers.operations.terminate import terminate_server
from servers.placing import breaker
from servers.records.ledger import database_now
from tests.support.fleet import Workshop, make_fleet, provision, world_of
from tests.support.worlds import add_instance, vanish

pytestmark = pytest.mark.django_db(transaction=True)


def set_options(account: Account, **options: Any) -> None:
    Account.objects.filter(pk=account.pk).update(options={**account.options, **options})


def test_it_opens_after_failures_in_a_row_and_the_others_stay_pending(
    workshop: Workshop,
) -> None:
    account = make_fleet(quota=1)
    add_instance(world_of(account), region="", tags={}, now=0)
    servers = [provision() for _ in range(breaker.OPENS_AFTER)]
    workshop.run_to("error", *servers)
    account.refresh_from_db()
    assert account.breaker == Account.Breaker.OPEN
    assert "quota" in account.breaker_note
    waiting = provision()
    workshop.run_for(1.0)
    waiting.refresh_from_db()
    assert waiting.state == "pending"
    assert "breaker of sandbox is open" in waiting.waiting
    assert Attempt.objects.count() == breaker.OPENS_AFTER
    # A minute later the cloud has room: one create is let through and closes it.
    Account.objects.update(breaker_until=database_now() - timedelta(seconds=1))
    set_options(account, quota=0)
    workshop.run_to("running", waiting)
    account.refresh_from_db()
    assert (account.breaker, account.breaker_failures) == (Account.Breaker.CLOSED, 0)


def test_after_a_breaker_was_open_only_one_create_is_let_through() -> None:
    account = make_fleet()
    now = database_now()
    for _ in range(breaker.OPENS_AFTER):
        breaker.note_failure(account, "No.", asked_at=now, now=now)
    account.refresh_from_db()
    assert breaker.explain_hold(account, now=now)
    later = now + timedelta(seconds=61)
    assert not breaker.explain_hold(account, now=later)
    trial = timedelta(seconds=30)
    assert breaker.admit_create(account, now=later, trial=trial)
    assert not breaker.admit_create(account, now=later, trial=trial)
    # Its worker died without an outcome.
    after = later + timedelta(seconds=31)
    assert breaker.admit_create(account, now=after, trial=trial)
    account.refresh_from_db()
    assert "one create" in breaker.explain_hold(account, now=later)
    breaker.note_failure(account, "No again.", asked_at=later, now=later)
    account.refresh_from_db()
    # It opens again, and for longer.
    assert account.breaker == Account.Breaker.OPEN
    assert account.breaker_until == later + timedelta(seconds=120)


def test_a_wrong_image_does_not_count_against_the_account(workshop: Workshop) -> None:
    account = make_fleet()
    servers = [provision(image="no-such") for _ in range(breaker.OPENS_AFTER + 1)]
    workshop.run_to("error", *servers)
    account.refresh_from_db()
    assert account.breaker == Account.Breaker.CLOSED


def test_it_opens_if_instances_outnumber_the_servers(workshop: Workshop) -> None:
    account = make_fleet()
    server = provision()
    workshop.run_to("running", server)
    key = Attempt.objects.get().key
    fleet, uid, _, _ = key.rsplit("-", 3)
    tags = {FLEET_TAG: fleet, SERVER_TAG: uid, KEY_TAG: key}
    world = world_of(account)
    unowned = [
        add_instance(world, region="", tags=tags, now=time.time()) for _ in range(6)
    ]
    workshop.run_until(
        lambda: Account.objects.filter(breaker=Account.Breaker.OPEN).exists()
    )
    waiting = provision()
    workshop.run_for(1.0)
    waiting.refresh_from_db()
    assert waiting.state == "pending"
    assert "servers account for only 1" in waiting.waiting
    assert len(world.live(time.time())) == 7
    # A person has them destroyed; the breaker tries again, and closes.
    for instance in unowned:
        vanish(world, instance, time.time())
    workshop.run_until(
        lambda: Instance.objects.filter(live=True).count() == 1, seconds=10
    )
    workshop.run_for(0.3)
    Account.objects.update(breaker_until=database_now() - timedelta(seconds=1))
    workshop.run_to("running", waiting)
    account.refresh_from_db()
    assert account.breaker == Account.Breaker.CLOSED


def test_requested_servers_alone_never_open_it(workshop: Workshop) -> None:
    account = make_fleet()
    servers = [provision() for _ in range(12)]
    workshop.run_to("running", *servers)
    for server in servers:
        terminate_server(server.name)
    workshop.run_for(0.3)
    assert not breaker.watch_creations(account, now=database_now())
    workshop.run_to("stopped", *servers)
    account.refresh_from_db()
    assert account.breaker == Account.Breaker.CLOSED
