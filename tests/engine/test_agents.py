"""An agent in a server's life: started before it runs, finished before it is gone."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from typing import Any

import pytest

from servers.machine.agents.table import AGENTS
from servers.machine.certificates import name_server
from servers.models import Account, Attempt, Event, Host, Pool, Registration, Server
from servers.operations.terminate import terminate_server
from servers.records.ledger import database_now
from tests.clouds.fakes.base import running
from tests.queues.fakes.github import FakeGitHub
from tests.support import standins
from tests.support.dockerd import find_address, make_endpoint, require_dockerd
from tests.support.fleet import Workshop, make_fleet, world_of
from tests.support.machines import (
    keys_of,
    provision_at,
    run_machine,
    set_up_docker,
    wait_for,
)
from tests.support.runners import VARIABLE, make_registering_pool, provision_in

pytestmark = pytest.mark.django_db(transaction=True)

AGENT_WAITS = "Waiting for the agent to finish its builds and end."
KINDS = tuple(sorted(set(AGENTS) - {"none"}))


def name_agent(kind: str, **fields: object) -> None:
    """Have the template name the stand-in of an agent."""
    needs = {each.name: "hush" for each in AGENTS[kind].variables if each.required}
    set_up_docker(
        agent=kind,
        agent_image=standins.name_image(kind),
        agent_environment=json.dumps(needs),
        **fields,
    )


@contextmanager
def boot(workshop: Workshop, server: Server, address: str) -> Iterator[standins.Host]:
    """Run the server's machine once its create call was sent."""
    attempts = Attempt.objects.filter(server_uid=server.pk)
    workshop.run_until(attempts.exists)
    keys = keys_of(server)
    with run_machine(server, address) as daemon:
        endpoint = make_endpoint(address, name_server(server.pk), keys)
        yield standins.Host(daemon, endpoint)


@pytest.fixture
def account(settings: Any) -> Account:
    require_dockerd()
    settings.DRAIN_RECHECK = 0.1
    return make_fleet()


def test_an_agent_is_started_before_its_server_runs_and_drained_before_it_ends(
    workshop: Workshop, account: Account
) -> None:
    name_agent("drone")
    server, address = provision_at(account)
    with boot(workshop, server, address) as host:
        said = wait_for(workshop, server, "agent's image")
        assert said.startswith("Waiting for the agent's image standin:drone.")
        assert not Host.objects.filter(agent_started_at__isnull=False).exists()
        standins.add_images(host.daemon, ("drone",))
        workshop.run_to("running", server)
        ready = Event.objects.get(server=server, kind="ready").reason
        assert ready.endswith("The agent runs.")
        assert Host.objects.filter(agent_started_at__isnull=False).exists()
        name, labels, title = standins.BUILDS["drone"]
        host.daemon.run("sleep", "600", name=name, labels=labels)

        terminate_server(server.name)
        said = wait_for(workshop, server, "Still running")
        assert said.startswith(f"Waiting for 1 build to finish. Still running: {title}")
        assert Host.objects.get().builds == [title]
        host.daemon.docker("rm", "-f", name)
        wait_for(workshop, server, "Waiting for the agent to finish its builds and")
        host.release()
        workshop.run_to("stopping", server)
        assert host.read_log() == ["build runs", "build done"]
        workshop.run_to("stopped", server)
    drained = Event.objects.get(server=server, kind="drained").reason
    assert drained == "Its agent has ended, and no build runs."
    assert "hush" not in str(list(Event.objects.values_list("reason")))


@pytest.mark.slow
def test_a_build_that_never_ends_is_cut_off_at_the_deadline_and_by_force(
    workshop: Workshop, account: Account
) -> None:
    with ExitStack() as stack:
        servers, hosts = {}, {}
        for kind in KINDS:
            name_agent(kind, drain_seconds=3600 if kind == "own" else 4)
            servers[kind], address = provision_at(account)
            hosts[kind] = stack.enter_context(boot(workshop, servers[kind], address))
            standins.add_images(hosts[kind].daemon, (kind,))
        workshop.run_to("running", *servers.values())
        for host in hosts.values():
            host.wait_for_log("build runs")
        # A workflow of Woodpecker's has containers, and its agent is told once it has
        # none. The others are told at once, or have a process that shows the build.
        name, labels, title = standins.BUILDS["woodpecker"]
        hosts["woodpecker"].daemon.run("sleep", "600", name=name, labels=labels)
        for server in servers.values():
            terminate_server(server.name)
        forced = servers.pop("own")
        wait_for(workshop, forced, "Waiting for the agent to finish")
        terminate_server(forced.name, force=True)
        workshop.run_to("stopped", forced, *servers.values())
        for host in hosts.values():
            # The stop of the instance cuts the build off, and no signal before it.
            assert host.read_log() == ["build runs"]
    for kind, server in servers.items():
        drained = Event.objects.get(server=server, kind="drained").reason
        assert drained.startswith("The drain timeout has passed."), kind
        left = f"Still running: {title}." if kind == "woodpecker" else AGENT_WAITS
        assert left in drained, kind
    by_force = Event.objects.get(server=forced, kind="drained").reason
    assert by_force == "Terminated with force, without waiting for running builds."


def test_a_server_whose_agent_has_ended_loses_its_health(
    workshop: Workshop, account: Account, settings: Any
) -> None:
    settings.HEALTH_INTERVAL = 0.2
    name_agent("gitlab")
    server, address = provision_at(account)
    with boot(workshop, server, address) as host:
        standins.add_images(host.daemon, ("gitlab",))
        workshop.run_to("running", server)
        (agent,) = host.list_agents()
        with host.connect() as docker:
            docker.kill(agent, "SIGKILL")  # as a person does: it does not come back
        workshop.run_to("error", server)
        assert host.list_agents() == [agent]
    assert server.error.startswith(
        "It failed 3 checks in a row. The agent has ended with exit code 137."
    )


def test_a_server_whose_agent_had_its_one_build_is_terminated_and_replaced(
    workshop: Workshop, account: Account, settings: Any
) -> None:
    settings.HEALTH_INTERVAL = 0.3
    with running(FakeGitHub()) as github:
        pool = make_registering_pool(github, agent_image=standins.name_image("github"))
        address = find_address()
        world_of(account).ask_for_user_data()
        world_of(account).give_addresses(address)
        Pool.objects.update(dry=False, policy={"min": 1, "max": 2})
        workshop.run_until(Server.objects.exists)
        server = Server.objects.get()
        with boot(workshop, server, address) as host:
            standins.add_images(host.daemon, ("github",))
            workshop.run_to("running", server)
            host.wait_for_log("build runs")
            workshop.run_for(1.0)
            Pool.objects.update(frozen=True)
            host.release()
            said = wait_for(workshop, server, "one build that it was for")
            assert said.endswith(f"because its pool {pool.name} is frozen.")
            workshop.run_for(1.0)
            assert not Event.objects.filter(kind="stop_requested").exists()
            Pool.objects.update(frozen=False)
            # Nothing but a hint has the pool planned as soon as this.
            Pool.objects.update(next_plan_at=database_now() + timedelta(hours=1))
            workshop.run_to("stopped", server)
        following = Server.objects.exclude(pk=server.pk).get()
    asked = Event.objects.get(kind="stop_requested")
    assert asked.server_name == server.name
    said = "Its agent has ended after the one build that it was for."
    assert asked.reason == f"{said} So the server is terminated."
    assert server.error == ""
    assert server.stopped_at is not None
    assert following.created_at < server.stopped_at
    drained = Event.objects.get(server=server, kind="drained").reason
    assert drained == "Its agent has ended, and no build runs."


def test_an_agent_that_is_started_over_docker_s_api_has_what_its_ci_gave(
    workshop: Workshop, account: Account
) -> None:
    with running(FakeGitHub()) as github:
        image = standins.name_image("github")
        pool = make_registering_pool(github, agent_image=image)
        address = find_address()
        world = world_of(account)
        world.ask_for_user_data()
        world.give_addresses(address)
        server = provision_in(pool)
        with boot(workshop, server, address) as host:
            standins.add_images(host.daemon, ("github",))
            workshop.run_to("running", server)
            (agent,) = host.list_agents()
            with host.connect() as docker:
                has = docker.inspect(agent)["Config"]["Env"]
    (row,) = Registration.objects.all()
    assert f"{VARIABLE}={json.loads(row.environment)[VARIABLE]}" in has
    # It is in no user data: ServerFleet starts the agent.
    assert VARIABLE not in world.read_user_data(server.instance_id)
