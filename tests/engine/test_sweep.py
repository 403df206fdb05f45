"""Unowned instances: orphans, doubles, unknown ones, and other people's."""

import time

import pytest

from servers.clouds.base import FLEET_TAG, KEY_TAG, SERVER_TAG
from servers.lifecycle.keys import make_key
from servers.lifecycle.states import Outcome, Verdict
from servers.models import Account, Attempt, Fleet, Instance, Location
from servers.operations.terminate import terminate_server
from tests.support.fleet import Workshop, live_keys, make_fleet, provision, world_of
from tests.support.worlds import add_instance, set_identity, vanish

pytestmark = pytest.mark.django_db(transaction=True)


def tags_of(key: str) -> dict[str, str]:
    fleet, server, _, _ = key.rsplit("-", 3)
    return {FLEET_TAG: fleet, SERVER_TAG: server, KEY_TAG: key}


def add(account: Account, key: str) -> str:
    return add_instance(
        world_of(account), region="", tags=tags_of(key), now=time.time()
    )


def test_an_instance_of_a_closed_attempt_is_condemned_and_destroyed(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    server = provision()
    workshop.run_to("running", server)
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    late = add(account, Attempt.objects.get().key)
    workshop.run_until(lambda: not live_keys(account))
    row = Instance.objects.get(instance_id=late)
    assert row.condemned_at is not None
    assert "closed (abandoned)" in row.condemned_for


def test_a_second_instance_of_an_attempt_is_destroyed_and_the_first_is_not(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    server = provision()
    workshop.run_to("running", server)
    double = add(account, Attempt.objects.get().key)
    workshop.run_until(
        lambda: Instance.objects.filter(instance_id=double, live=False).exists()
    )
    server.refresh_from_db()
    assert server.state == "running"
    (left,) = world_of(account).live(time.time())
    assert left.id == server.instance_id


def test_an_unknown_attempt_is_unexplained_never_destroyed_and_stops_creating(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    server = provision()
    workshop.run_to("running", server)
    key = make_key("ci", server.pk, 77)
    strange = add(account, str(key))
    workshop.run_until(
        lambda: Instance.objects.filter(
            instance_id=strange, verdict=Verdict.UNEXPLAINED
        ).exists()
    )
    waiting = provision()
    workshop.run_for(2.0)
    waiting.refresh_from_db()
    assert waiting.state == "pending"
    assert "The location has 1 unknown instance" in waiting.waiting
    assert str(key) in live_keys(account)


def test_another_fleets_and_untagged_instances_are_never_touched(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    server = provision()
    workshop.run_to("running", server)
    world = world_of(account)
    bystander = add_instance(world, region="", tags={}, now=time.time())
    other = add(account, str(make_key("ci-prod", server.pk, 1)))
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    workshop.run_for(1.5)
    assert {row.id for row in world.live(time.time())} == {bystander, other}
    assert not Instance.objects.filter(instance_id__in=[bystander, other]).exists()


def test_many_orphans_at_once_wait_for_a_person(workshop: Workshop) -> None:
    account = make_fleet()
    servers = [provision() for _ in range(8)]
    workshop.run_to("running", *servers)
    # As if the records were damaged: all attempts closed, their instances live.
    Attempt.objects.update(outcome=Outcome.ABSENT)
    workshop.run_for(2.0)
    assert len(live_keys(account)) == 8
    assert not Instance.objects.filter(condemned_at__isnull=False).exists()


def test_a_copied_database_observes_and_does_nothing_until_it_is_confirmed(
    workshop: Workshop,
) -> None:
    from servers.operations.fleet import confirm_fleet

    account = make_fleet()
    server = provision()
    workshop.run_to("running", server)
    Fleet.objects.update(fingerprint="another installation")
    waiting = provision()
    terminate_server(server.name)
    workshop.run_for(1.5)
    waiting.refresh_from_db()
    server.refresh_from_db()
    assert (waiting.state, server.state) == ("pending", "stopping")
    assert "fleet confirm" in waiting.waiting
    assert len(live_keys(account)) == 1
    confirm_fleet()
    workshop.run_to("running", waiting)
    workshop.run_to("stopped", server)


def test_another_account_behind_the_credentials_proves_nothing(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    server = provision()
    workshop.run_to("running", server)
    set_identity(world_of(account), "somebody-else")
    vanish(world_of(account), server.instance_id, time.time())
    workshop.run_for(2.0)
    server.refresh_from_db()
    assert server.state == "running"
    assert "another account" in Location.objects.get().error


def test_a_partial_listing_is_no_listing(workshop: Workshop) -> None:
    account = make_fleet()
    server = provision()
    workshop.run_to("running", server)
    before = Location.objects.get().listed_from
    Account.objects.filter(pk=account.pk).update(
        options={**account.options, "faults": {"partial_listing": 1.0}}
    )
    vanish(world_of(account), server.instance_id, time.time())
    workshop.run_for(2.0)
    server.refresh_from_db()
    assert server.state == "running"
    location = Location.objects.get()
    assert location.failures > 0
    assert before is not None
    assert location.listed_from is not None


def test_the_fleet_is_observed_by_one_listing_per_turn_for_any_number_of_servers(
    workshop: Workshop,
) -> None:
    account = make_fleet(boot=1.0)
    servers = [provision() for _ in range(30)]
    workshop.run_to("running", *servers, seconds=120)
    calls = [operation for operation, _, _ in world_of(account).calls()]
    assert calls.count("create") == 30
    assert calls.count("get") == 0
    assert calls.count("find") == 0
    # Every 0.1 s while servers change, but not one for each server.
    assert calls.count("list") <= workshop.turns + 1
