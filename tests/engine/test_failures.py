"""An instance that fails, stops or ends although ServerFleet did not request it."""

import time
from collections import Counter

import pytest
from pytest_django import Settings

from servers.clouds.amazon.adapter import Amazon
from servers.lifecycle.states import Answer, Outcome, Verdict
from servers.models import Account, Attempt, Event, Instance, Server
from servers.operations.accounts import save_account
from servers.outgoing.deadline import Deadline
from servers.placing.locations import open_location
from tests.exactly_once.clouds import REGION, make_moto
from tests.support.fleet import (
    QUICK,
    Workshop,
    change_template,
    make_fleet,
    provision,
    world_of,
)
from tests.support.moto import reset_moto
from tests.support.worlds import turn

pytestmark = pytest.mark.django_db(transaction=True)


def count_live(account: Account) -> Counter[str]:
    """Return the states of all live instances of an account."""
    now = time.time()
    return Counter(row.status(now) for row in world_of(account).live(now))


def test_an_instance_that_fails_while_booting_is_replaced_and_destroyed(
    workshop: Workshop,
) -> None:
    account = make_fleet(faults={"fails": 1})
    spare = save_account(
        Account(name="spare", kind="sandbox", options={**QUICK, "world": "spare"})
    )
    change_template(fallbacks=[{"account": spare.name}])
    server = provision()
    workshop.run_to("running", server)
    assert server.account_id == spare.pk
    first, second = Attempt.objects.order_by("number")
    assert (first.outcome, first.answer_class) == (Outcome.ABANDONED, Answer.FAILED)
    assert "its instance failed" in first.answer
    assert second.outcome == Outcome.ACCEPTED
    assert second.instance_id == server.instance_id
    # The failed instance is an orphan, and the sweep destroys it.
    workshop.run_until(lambda: not count_live(account))
    failed = Instance.objects.get(instance_id=first.instance_id)
    assert failed.condemned_at is not None
    gone = Instance.objects.filter(pk=failed.pk, verdict=Verdict.GONE)
    workshop.run_until(gone.exists)
    assert count_live(spare) == {"active": 1}


def test_without_a_fallback_it_is_retried_a_few_times(
    workshop: Workshop, settings: Settings
) -> None:
    settings.CREATE_TRIES = 2
    settings.ERROR_RETENTION = 0.5
    account = make_fleet(faults={"fails": 1})
    server = provision()
    workshop.run_to("error", server)
    assert Attempt.objects.count() == 2
    assert "its instance failed" in server.error
    assert "No attempts are left" in server.error
    # The last one is kept for a while, as for any failed server, then destroyed.
    assert server.instance_id
    workshop.run_to("stopped", server)
    workshop.run_until(lambda: not count_live(account))


def test_a_running_server_whose_instance_stops_is_in_error_and_ends(
    workshop: Workshop, settings: Settings
) -> None:
    settings.ERROR_RETENTION = 1.0
    account = make_fleet()
    server = provision()
    workshop.run_to("running", server)
    address = server.address
    turn(world_of(account), server.instance_id, "stopped", time.time())
    workshop.run_to("error", server)
    assert server.error == (
        "The cloud shows its instance as 'stopped', although ServerFleet did not "
        "request that. Retry or terminate the server."
    )
    assert server.address == address
    workshop.run_to("stopped", server)
    assert not count_live(account)


def test_an_instance_that_somebody_stops_in_ec2s_console_is_no_running_server(
    workshop: Workshop, moto_url: str
) -> None:
    reset_moto(moto_url)
    bench = make_moto(moto_url)
    server = provision()
    workshop.run_to("running", server)
    cloud = open_location(bench.account, REGION)
    assert isinstance(cloud, Amazon)
    with Deadline(10, "EC2"):
        cloud._call({"Action": "StopInstances", "InstanceId.1": server.instance_id})
    workshop.run_to("error", server)
    assert "shows its instance as 'stop" in server.error
    assert Instance.objects.get().meaning == "stopped"


def test_an_instance_that_ends_while_booting_is_created_again(
    workshop: Workshop,
) -> None:
    account = make_fleet(boot=60.0)
    server = provision()
    workshop.run_to("created", server)
    lost = server.instance_id
    # The cloud shows its end, as EC2 does if it has no capacity after all.
    with world_of(account).writing() as file:
        now = time.time()
        file.execute(
            "UPDATE instances SET gone_at = ?, forgotten_at = ? WHERE id = ?",
            (now, now + 60, lost),
        )
    Account.objects.update(options={**account.options, "boot": 0.1})
    workshop.run_to("running", server)
    assert server.instance_id != lost
    assert Server.objects.get().attempt_number == 2


def test_many_that_fail_at_once_are_destroyed_without_a_person(
    workshop: Workshop,
) -> None:
    account = make_fleet(faults={"fails": 1})
    spare = save_account(
        Account(
            name="spare",
            kind="sandbox",
            options=dict(QUICK),
            creates_per_minute=1_000_000,
            calls_at_once=1000,
        )
    )
    change_template(fallbacks=[{"account": spare.name}])
    servers = [provision() for _ in range(12)]
    workshop.run_to("running", *servers)
    workshop.run_until(lambda: not count_live(account))
    account.refresh_from_db()
    assert account.breaker == Account.Breaker.CLOSED
    assert not Event.objects.filter(kind="held").exists()
    assert count_live(spare) == {"active": 12}
