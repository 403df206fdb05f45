"""How to reach a server, and the API's calls for what its page does: lines to copy."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from servers.lifecycle.states import ENDING, State
from servers.models import Server

DOCKER_PORT: Final = 2376
# Downloads: the file's name, the server's column, and whether it is a secret.
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
    """Return the certificates that there are and that a person may have."""
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
    yield Line("ssh", "A shell, as a user of its image", f"ssh root@{address}")
    if server.tls_cert and server.ca_cert:
        yield Line(
            "docker",
            "Its Docker daemon",
            "docker --tlsverify --tlscacert=ca.pem --tlscert=cert.pem "
            f"--tlskey=key.pem -H tcp://{host}:{DOCKER_PORT} info",
        )
    # DRONE_SERVER is the Drone server itself; the command line wants some value there,
    # and asks only DRONE_AUTOSCALER about servers.
    here = shlex.quote(origin)
    env = f"export DRONE_AUTOSCALER={here} DRONE_SERVER={here} DRONE_TOKEN=$TOKEN"
    yield Line("drone-login", "For the drone command line", env)
    yield Line("drone-info", "What it knows", f"drone server info {server.name}")
    if server.tls_cert and server.ca_cert:
        line = f'eval "$(drone server env {server.name})"'
        yield Line("drone-env", "Its Docker daemon, by drone", line)


def list_calls(server: Server, *, origin: str, may_act: bool) -> Iterator[Line]:
    """Yield the API's calls for what the page shows and does."""
    url = f"{origin}/api/servers/{server.name}"
    yield Line("api-show", "Show it", write_call("GET", url))
    yield Line("api-why", "Why it waits", write_call("GET", f"{url}/why"))
    if not may_act:
        return
    if server.state not in ENDING:
        yield Line("api-terminate", "Terminate it", write_call("DELETE", url))
    if server.state == State.ERROR:
        yield Line("api-retry", "Retry it", write_call("POST", f"{url}/retry"))
    if server.state != State.STOPPED:
        body = '{"labels": {"team": "builds"}, "protected": true}'
        yield Line("api-change", "Label and protect it", write_call("PATCH", url, body))


def write_call(method: str, url: str, body: str = "") -> str:
    """Return a call as a line for a shell; the token comes from its environment."""
    parts = ["curl"]
    if method != "GET":
        parts.append(f"-X {method}")
    parts.append('-H "Authorization: Bearer $TOKEN"')
    if body:
        parts.append(f"-H 'Content-Type: application/json' -d {shlex.quote(body)}")
    return " ".join([*parts, shlex.quote(url)])
