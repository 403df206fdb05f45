"""What may listen on a Docker port besides a server's Docker daemon."""

import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from servers.machine.certificates import Keys
from servers.machine.docker import DOCKER_PORT

# What it does with a connection, until it returns.
Behaviour = Callable[[socket.socket], None]

PAGE: Final = b"<html><title>Blocked</title>This page was blocked by the proxy.</html>"


def hang(connection: socket.socket) -> None:
    """Read, and never answer."""
    while connection.recv(4096):
        pass


def answer(content: bytes, status: bytes = b"200 OK", *headers: bytes) -> Behaviour:
    """Answer each request alike."""

    def behave(connection: socket.socket) -> None:
        while connection.recv(65536):
            length = b"Content-Length: %d" % len(content)
            lines = (b"HTTP/1.1 " + status, length, *headers, b"", content)
            connection.sendall(b"\r\n".join(lines))

    return behave


def repeat(start: bytes, forever: bytes) -> Behaviour:
    """Begin an answer, and never end it."""

    def behave(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(start)
        while True:
            connection.sendall(forever)

    return behave


def trickle(connection: socket.socket) -> None:
    """Answer a byte at a time, without end."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    stop = threading.Event()
    while not stop.wait(0.05):
        connection.sendall(b"a")


def close(_: socket.socket) -> None:
    """Close the connection at once."""


def page(connection: socket.socket) -> None:
    """Answer whatever comes with a proxy's page, without TLS."""
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")


@contextmanager
def listen(
    address: str,
    behave: Behaviour,
    *,
    keys: Keys | None = None,
    port: int = DOCKER_PORT,
) -> Iterator[int]:
    """Listen on an address; with ``keys``, by TLS with the daemon's certificate.

    Yield the port.
    """
    context = _make_context(keys) if keys else None
    listener = socket.create_server((address, port), backlog=256)
    opened: list[socket.socket] = []

    def serve(connection: socket.socket) -> None:
        with suppress(OSError):
            if context is not None:
                connection = context.wrap_socket(connection, server_side=True)
                opened.append(connection)
            behave(connection)
            connection.close()

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                opened.append(connection)
                threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for each in opened:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()


def _make_context(keys: Keys) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pair.pem")
        file.write_text(keys.daemon_cert + keys.daemon_key)
        context.load_cert_chain(file)
    return context
