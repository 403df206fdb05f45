"""How to connect to a server: its certificates as files, and lines to copy."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from servers.clouds.registry import describe_kind
from servers.lifecycle.states import State
from servers.machine.certificates import name_server
from servers.machine.docker import DOCKER_PORT
from servers.machine.simulated import can_answer
from servers.models import Server

# The names that Docker expects in a folder of certificates: the column of the server,
# and whether it is a secret.
FILES: Final = {
    "ca.pem": ("ca_cert", False),
    "cert.pem": ("tls_cert", False),
    "key.pem": ("tls_key", True),
}
_CERTIFICATES: Final = "--tlscacert=ca.pem --tlscert=cert.pem --tlskey=key.pem"
_DOCKER: Final = f"docker --tlsverify {_CERTIFICATES}"


@dataclass(frozen=True, slots=True)
class Line:
    """A command, what it does, and an id for its copy button."""

    key: str
    what: str
    command: str


SIMULATED: Final = (
    "This instance is simulated, so nothing answers at its address. The commands are "
    "those that you would use for a real one."
)


def explain_unreal(server: Server) -> str:
    """Return why none of the commands can reach a server, or ""."""
    is_simulated = describe_kind(server.account.kind).is_simulated
    return SIMULATED if is_simulated and not can_answer(server.address) else ""


def list_connections(server: Server, *, origin: str) -> Iterator[Line]:
    """Yield how to connect to a server that has an address."""
    if not server.address or server.state in {State.STOPPED, State.STOPPING}:
        return
    yield Line("ssh", "SSH", f"ssh root@{server.address}")
    has_docker = bool(server.tls_cert and server.ca_cert)
    if has_docker:
        yield from _list_docker(server)
    # DRONE_SERVER is the Drone server itself. The Drone CLI requires a value, but sends
    # requests about servers only to DRONE_AUTOSCALER.
    here = shlex.quote(origin)
    env = f"export DRONE_AUTOSCALER={here} DRONE_SERVER={here} DRONE_TOKEN=$TOKEN"
    yield Line("drone-login", "Drone CLI settings", env)
    yield Line("drone-info", "Server details", f"drone server info {server.name}")
    if has_docker:
        line = f'eval "$(drone server env {server.name})"'
        yield Line("drone-env", "Docker daemon, with the Drone CLI", line)


def _list_docker(server: Server) -> Iterator[Line]:
    """Yield the ways to the daemon: all but the last check its certificate in full.

    The certificate names the server and localhost, since the address was not known when
    it was issued. So a client that checks has to use one of these names.
    """
    name = name_server(server.pk)
    yield Line(
        "connect",
        "Docker daemon, on ServerFleet's machine: opens a local socket",
        f".venv/bin/python manage.py connect {server.name}",
    )
    yield Line(
        "docker-name",
        "Give the address the name in its certificate",
        f"echo '{server.address} {name}' | sudo tee -a /etc/hosts",
    )
    yield Line(
        "docker",
        "Docker daemon, by that name",
        f"{_DOCKER} -H tcp://{name}:{DOCKER_PORT} info",
    )
    yield Line(
        "docker-ssh",
        "Docker daemon, through SSH",
        f"ssh -fNL {DOCKER_PORT}:localhost:{DOCKER_PORT} root@{server.address} && "
        f"{_DOCKER} -H tcp://localhost:{DOCKER_PORT} info",
    )
    host = f"[{server.address}]" if ":" in server.address else server.address
    yield Line(
        "docker-tls",
        "Docker daemon, as the Drone CLI connects: without a check of its certificate",
        f"docker --tls {_CERTIFICATES} -H tcp://{host}:{DOCKER_PORT} info",
    )
