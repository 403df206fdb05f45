"""The health checks of running servers, on a sandbox that simulates them."""

import time
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from servers.lifecycle.snapshot import Limits
from servers.messaging import dispatch
from servers.models import Account, Event, Fleet, Host, Server, Template
from servers.operations.change import Change, change_server
from servers.operations.templates import save_template
from servers.operations.terminate import protect_server, terminate_server
from servers.placing.machines import Checked, count_checked
from servers.placing.snapshots import Loader
from servers.records.ledger import database_now
from servers.reports.attention.load import list_attention
from servers.reports.why import explain_server
from tests.support.fleet import Workshop, live_keys, make_fleet, provision, world_of
from tests.support.pools import make_pool
from tests.support.worlds import turn

pytestmark = pytest.mark.django_db(transaction=True)
SICK = {"unhealthy": 1.0}


@pytest.fixture(autouse=True)
def quick(settings: Any) -> None:
    settings.HEALTH_INTERVAL = 0.4
    settings.DRAIN_RECHECK = 0.2


def set_faults(account: Account, **faults: float) -> None:
    options = {**account.options, "faults": faults}
    Account.objects.filter(pk=account.pk).update(options=options)


def choose_replace() -> None:
    template = Template.objects.get()
    template.on_health_lost = "replace"
    save_template(template)


def run_sick(workshop: Workshop, count: int = 1, **wishes: Any) -> list[Server]:
    """Run servers, and let them fail their checks from now on."""
    account = make_fleet()
    choose_replace()
    servers = [provision(**wishes) for _ in range(count)]
    workshop.run_to("running", *servers)
    set_faults(account, **SICK)
    for server in servers:  # nothing watched them until now
        change_server(server.name, Change(labels={"looked": "at"}))
    return servers


def explain(server: Server) -> str:
    row = Server.objects.select_related("account", "recipe").get(pk=server.pk)
    return explain_server(row, now=database_now()).sentence


def list_concerns() -> list[str]:
    return [
        item.kind for item in list_attention(Fleet.objects.get(), now=database_now())
    ]


def test_a_server_that_nothing_watches_has_no_step_and_no_record(
    workshop: Workshop,
) -> None:
    make_fleet()
    server = provision()
    workshop.run_to("running", server)
    workshop.run_for(0.6)
    server.refresh_from_db()
    assert server.next_step_at is None
    assert not Host.objects.exists()


def test_three_failures_in_a_row_lose_the_health(workshop: Workshop) -> None:
    account = make_fleet(faults=SICK)
    server = provision()
    workshop.run_to("running", server)
    workshop.run_until(lambda: Host.objects.filter(failures=1).exists())
    said = "Failed checks in a row: 1 of 3. The sandbox simulates"
    assert explain(server).startswith(said)
    set_faults(account, unhealthy=1e-9)
    workshop.run_until(lambda: Host.objects.filter(failures=0, problem="").exists())
    assert Server.objects.get().state == "running"
    set_faults(account, **SICK)
    workshop.run_to("error", server)
    assert server.error == (
        "It failed 3 checks in a row. The sandbox simulates that it does not answer. "
        "Retry or terminate the server."
    )
    assert Host.objects.get().failures == 3
    assert len(live_keys(account)) == 1  # kept, so that it can be looked at
    terminate_server(server.name)
    workshop.run_to("stopped", server)


def test_the_pool_of_a_server_that_is_replaced_is_planned_at_once(
    workshop: Workshop, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (old,) = run_sick(workshop)
    pool = make_pool()
    Server.objects.filter(pk=old.pk).update(pool=pool)
    done: list[tuple[str, str]] = []
    carry_out = workshop.carry_out

    def note(task: str, row_id: str) -> None:
        done.append((task, row_id))
        carry_out(task, row_id)

    monkeypatch.setattr(workshop, "carry_out", note)
    settings.BOOT_DEADLINE = 0.1
    workshop.run_until(lambda: Server.objects.count() == 2)
    workshop.turn()
    assert {(dispatch.CORDON, str(pool.pk)), (dispatch.PLAN, str(pool.pk))} <= set(done)


def test_a_lost_server_is_replaced_once_and_drains(
    workshop: Workshop, settings: Any
) -> None:
    (old,) = run_sick(workshop, labels={"team": "x"}, ttl=3600, capacity=7)
    settings.BOOT_DEADLINE = 0.1  # since then, it has proven itself
    workshop.run_until(lambda: Server.objects.count() == 2)
    settings.BOOT_DEADLINE = 600.0
    set_faults(old.account)
    new = Server.objects.exclude(pk=old.pk).get()
    workshop.run_to("running", new)
    workshop.run_to("stopped", old)
    assert Server.objects.count() == 2
    assert (new.capacity, new.labels, new.recipe) == (7, {"looked": "at"}, old.recipe)
    assert new.created_by == old.created_by
    assert 3590 < new.ttl < 3600
    asked = Event.objects.get(server=old, kind="stop_requested")
    assert asked.reason.startswith("It failed 3 checks in a row.")
    assert asked.reason.endswith(f"{new.name} replaces it.")
    assert old.cordoned
    assert not new.cordoned
    said = Event.objects.get(server=new, kind="requested")
    assert said.reason == f"It replaces {old.name}."


def test_a_heartbeat_counts_as_a_check_and_what_was_before_counts_as_none(
    workshop: Workshop,
) -> None:
    account = make_fleet()
    servers = [provision() for _ in range(5)]
    workshop.run_to("running", *servers)
    now = database_now()
    before = now - timedelta(hours=1)
    known: tuple[dict[str, Any], ...] = (
        {"heartbeat_at": now},
        {"checked_at": now},
        {"checked_at": now, "failures": 1},
        {"checked_at": now, "failures": 3, "heartbeat_at": before},
        {"checked_at": before, "failures": 3},
    )
    for server, found in zip(servers, known, strict=True):
        Host.objects.create(server=server, **found)
    Server.objects.filter(pk=servers[2].pk).update(lost_at=before)  # and retried
    where = (account.pk, "")
    assert count_checked(Limits(), now) == {where: Checked(5, 4, 2, 1)}
    # Those that were lost lately are counted apart, by what they had lost.
    lately = now - timedelta(minutes=14)
    rows = Server.objects.filter(pk__in=[each.pk for each in servers])
    for number, at in ((0, lately), (3, lately), (4, before)):
        rows.filter(pk=servers[number].pk).update(state="shutdown", lost_at=at)
    Host.objects.filter(server=servers[0]).delete()
    assert count_checked(Limits(), now) == {where: Checked(2, 2, 1, 0, 1, 1)}


def test_the_machines_of_many_servers_are_loaded_in_as_many_queries_as_one(
    workshop: Workshop,
) -> None:
    make_fleet(faults={"unhealthy": 1e-9})
    servers = [provision() for _ in range(4)]
    workshop.run_to("running", *servers)
    workshop.run_until(lambda: Host.objects.count() == len(servers))
    fleet, now = Fleet.objects.get(), database_now()
    rows = list(Server.objects.select_related("account", "recipe"))
    counts = []
    for some in (rows[:1], rows):
        with CaptureQueriesContext(connection) as queries:
            loader = Loader(some, fleet=fleet, now=now)
            assert all(loader.snapshot(each).host.checked_at for each in some)
        counts.append(len(queries))
    assert counts[0] == counts[1]


@pytest.mark.parametrize(
    ("hinder", "words"),
    [
        ("cap", "It was not replaced. The template default has a limit of 1 server"),
        ("protection", "It is protected, so it is not replaced."),
        ("youth", "because it failed so soon after it became ready"),
        ("template", "It was not replaced. Its template was deleted."),
    ],
)
def test_what_can_not_be_replaced_goes_to_error(
    workshop: Workshop, settings: Any, hinder: str, words: str
) -> None:
    (server,) = run_sick(workshop)
    if hinder != "youth":
        settings.BOOT_DEADLINE = 0.1
    if hinder == "cap":
        Template.objects.update(max_servers=1)
    elif hinder == "protection":
        protect_server(server.name, protected=True)
    elif hinder == "template":
        Template.objects.get().delete()
    workshop.run_to("error", server)
    assert words in server.error
    assert Server.objects.count() == 1


def test_servers_that_fail_one_after_another_are_the_network_too(
    workshop: Workshop,
) -> None:
    (first,) = run_sick(workshop)
    workshop.run_to("error", first)  # it was too young to be replaced
    first.refresh_from_db()
    assert first.lost_at is not None
    lost = Server.objects.filter(pk=first.pk)
    # However long the others take here, that was lately.
    lost.update(lost_at=database_now() + timedelta(hours=1))
    set_faults(first.account, unhealthy=1e-9)
    second = provision()
    workshop.run_to("running", second)
    set_faults(first.account, **SICK)
    workshop.run_until(
        lambda: Host.objects.filter(server=second, failures__gte=4).exists()
    )
    second.refresh_from_db()
    assert second.state == "running"
    assert explain(second).startswith(
        "2 of 2 servers in sandbox fail their checks or lost their health lately"
    )
    assert "network" in list_concerns()
    lost.update(lost_at=database_now() - timedelta(hours=1))
    workshop.run_to("error", second)
    assert "network" not in list_concerns()


def test_a_server_whose_instance_ends_is_replaced_once(
    workshop: Workshop, settings: Any
) -> None:
    account = make_fleet()
    choose_replace()
    old = provision()
    workshop.run_to("running", old)
    settings.BOOT_DEADLINE = 0.0  # it has proven itself
    old.refresh_from_db()
    turn(world_of(account), old.instance_id, "stopped", time.time())
    workshop.run_until(lambda: Server.objects.count() == 2)
    settings.BOOT_DEADLINE = 600.0
    new = Server.objects.exclude(pk=old.pk).get()
    workshop.run_to("running", new)
    workshop.run_to("stopped", old)
    assert Server.objects.count() == 2
    asked = Event.objects.get(server=old, kind="stop_requested")
    assert asked.reason.startswith("The cloud shows its instance as 'stopped'")
    assert asked.reason.endswith(f"{new.name} replaces it.")
    assert len(live_keys(account)) == 1


def test_all_servers_of_a_location_at_once_are_held_and_told(
    workshop: Workshop,
) -> None:
    one, two = run_sick(workshop, count=2)
    workshop.run_until(lambda: Host.objects.filter(failures__gte=4).count() == 2)
    assert set(Server.objects.values_list("state", flat=True)) == {"running"}
    assert "it is probably the network" in explain(one)
    assert "network" in list_concerns()
    # As soon as others are well, what fails has lost its health.
    terminate_server(two.name)
    workshop.run_to("error", one)
    assert "network" not in list_concerns()
