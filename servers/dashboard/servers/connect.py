"""Lines to copy: how to connect to a server, and the equivalent API calls."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from servers.lifecycle.states import ENDING, State
from servers.models import Server

DOCKER_PORT: Final = 2376
# Downloads: the name of the file, the column, and whether it is a secret.
FILES: Final = {
    "ca.pem": ("ca_cert", False),
    "cert.pem": ("tls_cert", False),
    "key.pem": ("tls_key", True),
}


@dataclass(frozen=True, slots=True)
class Line:
    """A command, what it does, and an id for its copy button."""

    key: str
    what: str
    command: str


def list_files(server: Server, *, with_secrets: bool) -> list[str]:
    """Return the certificates that exist and that the person can download."""
    return [
        name
        for name, (column, is_secret) in FILES.items()
        if getattr(server, column) and (with_secrets or not is_secret)
    ]


def list_connections(server: Server, *, origin: str) -> Iterator[Line]:
    """Yield how to connect to a server that has an address."""
    if not server.address or server.state in {State.STOPPED, State.STOPPING}:
        return
    address = server.address
    host = f"[{address}]" if ":" in address else address
    yield Line("ssh", "SSH", f"ssh root@{address}")
    if server.tls_cert and server.ca_cert:
        yield Line(
            "docker",
            "Docker daemon",
            "docker --tlsverify --tlscacert=ca.pem --tlscert=cert.pem "
            f"--tlskey=key.pem -H tcp://{host}:{DOCKER_PORT} info",
        )
    # DRONE_SERVER is the Drone server itself. The Drone CLI requires a value, but sends
    # requests about servers only to DRONE_AUTOSCALER.
    here = shlex.quote(origin)
    env = f"export DRONE_AUTOSCALER={here} DRONE_SERVER={here} DRONE_TOKEN=$TOKEN"
    yield Line("drone-login", "Drone CLI settings", env)
    yield Line("drone-info", "Server details", f"drone server info {server.name}")
    if server.tls_cert and server.ca_cert:
        line = f'eval "$(drone server env {server.name})"'
        yield Line("drone-env", "Docker daemon, with the Drone CLI", line)


def list_calls(server: Server, *, origin: str, may_act: bool) -> Iterator[Line]:
    """Yield the equivalent API calls for what the page shows and does."""
    url = f"{origin}/api/servers/{server.name}"
    yield Line("api-show", "Show server", write_call("GET", url))
    yield Line("api-why", "Explain server", write_call("GET", f"{url}/why"))
    if not may_act:
        return
    if server.state not in ENDING:
        yield Line("api-terminate", "Terminate server", write_call("DELETE", url))
    if server.state == State.ERROR:
        yield Line("api-retry", "Retry server", write_call("POST", f"{url}/retry"))
    if server.state != State.STOPPED:
        body = '{"labels": {"team": "builds"}, "protected": true}'
        yield Line(
            "api-change", "Label and protect server", write_call("PATCH", url, body)
        )


def write_call(method: str, url: str, body: str = "") -> str:
    """Return a call as a shell command; the token comes from the environment."""
    parts = ["curl"]
    if method != "GET":
        parts.append(f"-X {method}")
    parts.append('-H "Authorization: Bearer $TOKEN"')
    if body:
        parts.append(f"-H 'Content-Type: application/json' -d {shlex.quote(body)}")
    return " ".join([*parts, shlex.quote(url)])
