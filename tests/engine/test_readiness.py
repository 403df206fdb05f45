"""When a server runs: its template names a kind of readiness."""

import socket

import pytest

from servers.clouds.sandbox.records import Row
from servers.machine.tcp import NOT_YET
from servers.models import Event, Server, Template
from servers.operations.templates import save_template
from servers.operations.terminate import terminate_server
from tests.support.fleet import Workshop, make_fleet, provision

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
