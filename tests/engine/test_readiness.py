"""When a server runs: its template names a kind of readiness."""

import json
import socket
from typing import Any

import pytest

from servers.clouds.sandbox.records import Row
from servers.machine.tcp import NOT_YET
from servers.models import Event, Host, Server, Template
from servers.operations.cordon import cordon_server, uncordon_server
from servers.operations.templates import save_template
from servers.operations.terminate import terminate_server
from tests.support.fleet import Workshop, make_fleet, provision
from tests.support.machines import set_up_docker, wait_for

pytestmark = pytest.mark.django_db(transaction=True)


def require_port(port: int) -> None:
    template = Template.objects.get()
    template.readiness = "tcp"
    template.readiness_port = port
    save_template(template)


def test_a_server_runs_once_its_port_accepts_connections(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The sandbox's addresses are nowhere: this one is on this machine.
    monkeypatch.setattr(
        Row, "address", lambda self, now: "127.0.0.1" if self.active_at else ""
    )
    make_fleet()
    with socket.socket() as ear:
        ear.bind(("127.0.0.1", 0))
        port = ear.getsockname()[1]
        require_port(port)
        server = provision()
        workshop.run_until(lambda: Server.objects.filter(waiting=NOT_YET).exists())
        ear.listen()
        workshop.run_to("running", server)
    ready = Event.objects.get(server=server, kind="ready")
    assert ready.reason == f"Port {port} accepts connections."


def test_a_template_with_docker_and_an_agent_can_be_tried_in_the_sandbox(
    workshop: Workshop, settings: Any
) -> None:
    settings.HEALTH_INTERVAL = settings.DRAIN_RECHECK = 0.1
    make_fleet()
    environment = {"DRONE_RPC_HOST": "drone.example.com", "DRONE_RPC_SECRET": "s"}
    set_up_docker(agent="drone", agent_environment=json.dumps(environment))
    server = provision()
    workshop.run_to("running", server)
    assert Event.objects.get(server=server, kind="ready").reason == (
        "The sandbox simulates Docker and the agent. Nothing runs on the instance."
    )
    host = Host.objects.get()
    assert host.agent_started_at is not None
    rows = Host.objects.filter(failures=0, agent_behind_since=None)
    workshop.run_until(rows.filter(checked_at__gt=host.agent_started_at).exists)
    cordon_server(server.name)
    workshop.run_until(rows.exists)
    wait_for(workshop, server, "It is cordoned. Its agent takes no new builds")
    uncordon_server(server.name)
    workshop.run_until(rows.exists)
    terminate_server(server.name)
    workshop.run_to("stopped", server)
    assert Event.objects.get(server=server, kind="drained").reason == (
        "The sandbox simulates no builds."
    )


def test_no_call_is_sent_to_an_address_that_is_only_simulated(
    workshop: Workshop,
) -> None:
    make_fleet()
    require_port(22)
    server = provision()
    workshop.run_to("running", server)
    assert Event.objects.get(server=server, kind="ready").reason == (
        "The sandbox simulates that port 22 accepts connections."
    )


@pytest.mark.parametrize(
    ("force", "said"),
    [
        (False, "Destroying it without waiting for running builds."),
        (True, "Terminated with force, without waiting for running builds."),
    ],
)
def test_the_history_says_whether_a_server_was_terminated_with_force(
    workshop: Workshop, force: bool, said: str
) -> None:
    make_fleet()
    server = provision()
    workshop.run_to("running", server)
    assert Event.objects.get(server=server, kind="ready").reason == (
        "It has an address. No other check is set."
    )
    terminate_server(server.name, force=force)
    workshop.run_to("stopped", server)
    assert Event.objects.get(server=server, kind="drained").reason == said
