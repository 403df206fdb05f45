"""A cordon in a server's life: its agent ends, and is started again after it."""

import signal
from typing import Any

import pytest

from servers.lifecycle.conditions import Met, NotYet
from servers.machine.agents.cordon import explain_order
from servers.models import Account, Event, Host, Server
from servers.operations.cordon import cordon_server, uncordon_server
from servers.operations.terminate import terminate_server
from servers.records.hosts import record_follow
from servers.records.ledger import database_now
from servers.reports.why import explain_server
from tests.engine.test_agents import boot, name_agent
from tests.support import standins
from tests.support.dockerd import require_dockerd
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.machines import provision_at, set_up_docker, wait_for

pytestmark = pytest.mark.django_db(transaction=True)

RUN, DONE = "build runs", "build done"
TOLD = "It is cordoned. Its agent takes no new builds, and ends after the running ones."


@pytest.fixture
def account(settings: Any) -> Account:
    require_dockerd()
    settings.DRAIN_RECHECK = 0.1
    settings.HEALTH_INTERVAL = 0.3
    return make_fleet()


def explain(server: Server) -> str:
    row = Server.objects.select_related("account", "recipe").get(pk=server.pk)
    return explain_server(row, now=database_now()).sentence


def run_until_followed(workshop: Workshop, server: Server) -> None:
    rows = Host.objects.filter(server=server, agent_behind_since=None)
    workshop.run_until(rows.exists)


def list_reasons(server: Server) -> list[str]:
    rows = Event.objects.filter(server_uid=server.pk, kind__contains="cordon")
    return list(rows.order_by("id").values_list("reason", flat=True))


def test_a_cordoned_server_s_agent_ends_and_is_started_again(
    workshop: Workshop, account: Account
) -> None:
    name_agent("drone")
    server, address = provision_at(account)
    with boot(workshop, server, address) as host:
        standins.add_images(host.daemon, ("drone",))
        workshop.run_to("running", server)
        host.wait_for_log(RUN)
        # Its daemon does not answer at first. That does not lose its health at once.
        host.daemon.send(signal.SIGSTOP)
        cordon_server(server.name)
        said = wait_for(
            workshop, server, "not been told yet, so it can still take builds."
        )
        assert explain(server) == said
        host.daemon.send(signal.SIGCONT)
        wait_for(workshop, server, TOLD)
        run_until_followed(workshop, server)
        assert explain(server) == TOLD

        uncordon_server(server.name)
        wait_for(workshop, server, "It was uncordoned. Its agent is still finishing")
        cordon_server(server.name)
        wait_for(workshop, server, TOLD)
        host.release()
        # Its agent has ended, which is no failure of a cordoned server.
        checked = Host.objects.get().checked_at
        rows = Host.objects.filter(failures=0, checked_at__gt=checked)
        for _ in range(5):
            workshop.run_until(rows.exists)
            rows = rows.filter(checked_at__gt=rows.get().checked_at)
        assert explain(server) == TOLD
        assert host.daemon.docker("ps", "-q") == ""

        uncordon_server(server.name)
        run_until_followed(workshop, server)
        host.wait_for_log(RUN, RUN)
        workshop.run_for(0.6)
        assert explain(server) == "It is running, as it should be."
        terminate_server(server.name)
        wait_for(workshop, server, "Waiting for the agent to finish its builds and")
        host.release()
        workshop.run_to("stopping", server)
        host.wait_for_log(RUN, DONE, RUN, DONE)
        assert len(host.read_log()) == 4
    assert (
        list_reasons(server)
        == [
            explain_order("drone"),
            "It can get builds again.",
        ]
        * 2
    )
    drained = Event.objects.get(server=server, kind="drained").reason
    assert drained == "Its agent has ended, and no build runs."


def test_a_server_that_was_cordoned_while_it_booted_starts_without_its_agent(
    workshop: Workshop, account: Account
) -> None:
    name_agent("woodpecker")
    server, address = provision_at(account)
    cordon_server(server.name)
    with boot(workshop, server, address) as host:
        workshop.run_to("running", server)  # it does not wait for the agent's image
        wait_for(workshop, server, "It is cordoned, so its agent was not started.")
        assert host.list_agents() == []
        uncordon_server(server.name)
        said = wait_for(workshop, server, "does not take builds yet.")
        assert "Waiting for the agent's image" in said
        standins.add_images(host.daemon, ("woodpecker",))
        run_until_followed(workshop, server)
        host.wait_for_log(RUN)
        assert Host.objects.filter(agent_started_at__isnull=False).exists()
        # Now only its CI could cordon it at once, so it says that.
        name, labels, _ = standins.BUILDS["woodpecker"]
        host.daemon.run("sleep", "600", name=name, labels=labels)
        cordon_server(server.name)
        said = wait_for(workshop, server, "its CI can still send it builds")
        assert said.startswith("It is cordoned. Its agent is told to end once no build")
        host.release()
        host.daemon.docker("rm", "-f", name)
        run_until_followed(workshop, server)
        assert explain(server) == TOLD
        assert host.read_log() == [RUN, DONE]
        terminate_server(server.name, force=True)
        workshop.run_to("stopped", server)
    assert [reason[:27] for reason in list_reasons(server)] == [
        "Its agent is not started be",
        "It can get builds again.",
        "Its agent is told to end on",
    ]


def test_an_agent_that_can_not_be_started_again_loses_the_health(
    workshop: Workshop, account: Account
) -> None:
    name_agent("own")
    server, address = provision_at(account)
    with boot(workshop, server, address) as host:
        standins.add_images(host.daemon, ("own",))
        workshop.run_to("running", server)
        host.wait_for_log(RUN)
        cordon_server(server.name)
        run_until_followed(workshop, server)
        host.clear()
        host.daemon.docker("rmi", "-f", standins.name_image("own"))
        uncordon_server(server.name)
        workshop.run_to("error", server)
    assert "Waiting for the agent's image" in server.error


def test_a_plain_host_and_a_server_that_nothing_watches_are_only_marked(
    workshop: Workshop, account: Account
) -> None:
    plain = provision()
    workshop.run_to("running", plain)
    cordon_server(plain.name)
    wait_for(workshop, plain, "the cordon is a mark only")
    assert explain(plain).startswith("It is cordoned. ServerFleet does not know what")
    uncordon_server(plain.name)
    idle = Server.objects.filter(pk=plain.pk, waiting="", next_step_at=None)
    workshop.run_until(idle.exists)
    assert not Host.objects.exists()

    set_up_docker()
    server, address = provision_at(account)
    with boot(workshop, server, address):
        workshop.run_to("running", server)
        cordon_server(server.name)
        wait_for(workshop, server, "whoever has its certificates can still start some.")
        assert Host.objects.get().agent_behind_since is None


def test_a_look_that_was_made_for_an_older_cordon_records_nothing() -> None:
    make_fleet()
    name_agent("drone")
    server = provision()
    Host.objects.create(server=server)
    Server.objects.update(state="running")
    cordon_server(server.name)
    then, host = Server.objects.get(), Host.objects.get()
    now = database_now()
    assert not record_follow(then, host, NotYet("It is down."), now=now)
    assert not record_follow(then, host, Met("Not yet.", agent_behind=True), now=now)
    uncordon_server(server.name)
    told = Met("Told.", agent_started=True)
    newer = Host.objects.get()
    # The mark or the time is from before, as a step reads one after the other.
    assert not record_follow(then, host, told, now=now)
    assert not record_follow(then, newer, told, now=now)
    assert Host.objects.get().agent_behind_since == newer.agent_behind_since
    assert record_follow(Server.objects.get(), newer, told, now=now)
    assert Host.objects.get().agent_behind_since is None
    assert Host.objects.get().agent_started_at == now
