"""Leftover volumes are found, deleted, and shown to people."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client

from servers.lifecycle.keys import make_key
from servers.models import Account, Event, Leftover
from servers.operations.fleet import freeze_destroys
from servers.operations.terminate import terminate_server
from servers.records.ledger import database_now
from servers.reports.leaks.load import report_leaks
from tests.support.ageing import jump
from tests.support.fleet import (
    TIMINGS,
    Workshop,
    change_template,
    make_fleet,
    provision,
    world_of,
)

pytestmark = pytest.mark.django_db(transaction=True)

FAULTS = {"leaves_volume": 1.0}


def volumes(account: Account) -> set[str]:
    world = world_of(account)
    return {volume.id for volume in world.volumes("", 2e10)}


def test_a_volume_of_a_stopped_server_is_deleted(workshop: Workshop) -> None:
    account = make_fleet(faults=FAULTS)
    kept, ended = provision(), provision()
    workshop.run_to("running", kept, ended)
    terminate_server(ended.name)
    workshop.run_to("stopped", ended)
    told = Event.objects.filter(kind="leftover_gone")
    # This event proves that it was found and condemned.
    workshop.run_until(told.exists)
    assert told.get().reason.startswith("Deleted leftover volume vol-")
    assert not volumes(account)
    assert not Leftover.objects.exists()
    kept.refresh_from_db()
    assert kept.state == "running"


def test_nothing_is_deleted_while_destroys_are_frozen(workshop: Workshop) -> None:
    # The grace is so long that the freeze comes first even on a slow machine.
    account = make_fleet(faults=FAULTS, timings={**TIMINGS, "grace": 4.0})
    server = provision()
    workshop.run_to("running", server)
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    freeze_destroys(frozen=True)
    workshop.run_until(Leftover.objects.exists)
    workshop.run_for(6.0)
    assert volumes(account)
    freeze_destroys(frozen=False)
    workshop.run_until(lambda: not volumes(account))


def test_unknown_volumes_and_those_of_other_fleets_wait_for_a_person(
    workshop: Workshop,
) -> None:
    account = make_fleet(faults=FAULTS)
    server = provision()
    workshop.run_to("running", server)
    world = world_of(account)
    (row,) = world.instances()
    strange = make_key("ci", server.pk, 7)
    for name, fleet, key in (
        ("theirs", "ci-two", make_key("ci-two", server.pk, 1)),
        ("strange", "ci", strange),
    ):
        tags = {"serverfleet-fleet": fleet, "serverfleet-key": str(key)}
        with world.writing() as file:
            world.leave_volume(file, row, 0.0)
            file.execute(
                "UPDATE volumes SET id = ?, tags = ? WHERE id = ?",
                (name, json.dumps(tags), f"vol-{row.id}"),
            )
    jump(3700, world)
    workshop.run_until(Leftover.objects.exists)
    jump(3700, world)
    workshop.run_for(1.5)
    assert volumes(account) == {"theirs", "strange"}
    (location,) = report_leaks(now=database_now()).locations
    (entry,) = location.leftovers
    assert entry.outside
    assert not location.is_clean

    User.objects.create_superuser("admin", password="a long enough password")
    client = Client()
    client.force_login(User.objects.get())
    assert "Delete strange" in client.get("/leaks/").content.decode()
    path = f"/leaks/leftovers/{entry.leftover.pk}/delete/"
    said = client.post(path, follow=True).content.decode()
    assert "The leftover will be deleted." in said
    assert (
        "no longer needs a decision" in client.post(path, follow=True).content.decode()
    )
    workshop.run_until(lambda: volumes(account) == {"theirs"})


def test_a_running_server_follows_an_address_that_changes(workshop: Workshop) -> None:
    make_fleet(faults={"address_changes": 1.0}, stale=3.0)
    server = provision()
    workshop.run_to("running", server)
    before = server.address

    def moved() -> bool:
        server.refresh_from_db()
        return server.address != before

    workshop.run_until(moved)
    assert server.address.startswith("10.128.")
    assert server.state == "running"
    assert Event.objects.filter(reason__contains=f"changed from {before}").exists()


def test_without_capacity_in_a_region_the_fallback_is_used(workshop: Workshop) -> None:
    make_fleet(no_capacity=["north/*"])
    change_template(fallbacks=[{"region": "south"}], region="north")
    server = provision()
    workshop.run_to("running", server)
    assert server.region == "south"
