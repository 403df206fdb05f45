"""Clients that stop half-way: they never read, or never finish their request."""

import socket
from typing import Final

from servers.drill.service import Service

LITTLE: Final = 2048  # bytes that a client which never reads lets come


def head(line: str, *more: str) -> bytes:
    """Return the head of a request."""
    return "\r\n".join((f"{line} HTTP/1.1", "Host: 127.0.0.1", *more, "", "")).encode()


def find_bundle(service: Service) -> str:
    """Return the path of the largest static file."""
    root = service.data / "static"
    bundle = next(root.rglob("swagger-ui-bundle.*.js"))
    return f"/static/{bundle.relative_to(root)}"


def open_many(
    port: int, count: int, data: bytes, *, little: bool = False
) -> list[socket.socket]:
    """Send ``data`` over many connections, and return them open.

    With ``little``, they accept only a few bytes of an answer.
    """
    links = []
    for _ in range(count):
        link = socket.socket()
        if little:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, LITTLE)
        link.connect(("127.0.0.1", port))
        link.sendall(data)
        links.append(link)
    return links
