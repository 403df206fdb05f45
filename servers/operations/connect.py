"""Read a server's keys in order to connect to it. Each read is in the history."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from servers.errors import ConflictError
from servers.lifecycle.states import State
from servers.machine.certificates import name_server
from servers.machine.docker.connection import Endpoint
from servers.models import Host, Server
from servers.placing.machines import find_daemon_of
from servers.records.ledger import Fact, write_event
from servers.reports.connections import FILES, Line, list_connections
from servers.reports.selectors import find_server


@dataclass(frozen=True, slots=True)
class Connection:
    """What it takes to connect to a server.

    ``files`` are certificates and keys as PEM, by the names that Docker expects; empty
    if the template sets up no Docker. They expire at ``until``.
    """

    server: Server
    tls_name: str
    until: datetime | None
    files: Mapping[str, str] = field(repr=False)
    lines: tuple[Line, ...] = ()


def read_connection(name: str, *, origin: str) -> Connection:
    """Return how to connect to a server, keys included, and record that they were read.

    ``origin`` is ServerFleet's own address. Raises NotFoundError, or ConflictError if
    the server has stopped.
    """
    server = find_server(name)
    if server.state == State.STOPPED:
        raise ConflictError(
            f"{server.name} has stopped, and its private keys were wiped. Connect to "
            "another server."
        )
    files = {
        file: text
        for file, (column, _) in FILES.items()
        if (text := getattr(server, column))
    }
    until = Host.objects.filter(pk=server.pk).values_list("keys_until", flat=True)
    if files:
        record_read(server)
    return Connection(
        server=server,
        tls_name=name_server(server.pk) if files else "",
        until=until.first() if files else None,
        files=files,
        lines=tuple(list_connections(server, origin=origin)),
    )


def open_endpoint(name: str) -> tuple[Server, Endpoint]:
    """Return where a server's Docker daemon is, and record that its keys were read.

    Raises NotFoundError, or ConflictError if it can't be reached.
    """
    server = find_server(name)
    if not server.tls_key:
        raise ConflictError(
            f"{server.name} has no keys: its template sets up no Docker, or it has "
            "stopped."
        )
    if not server.address:
        raise ConflictError(f"{server.name} has no address yet. Try again later.")
    record_read(server)
    return server, find_daemon_of(server)


def record_read(server: Server) -> None:
    """Record that whoever acts has read a server's keys."""
    write_event(
        Fact.KEYS_READ, server=server, reason="The keys of its Docker daemon were read."
    )
