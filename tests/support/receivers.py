"""A server that instances call back, and that treats each call as it is told to."""

import json
import socket
import ssl
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email import message_from_bytes
from pathlib import Path
from typing import Any, BinaryIO, Final

from servers.machine.certificates import Keys

# How a call is treated. Whatever is not "ok" is no answer that counts.
BEHAVIOURS: Final = (
    *("drop", "cut", "hang", "500", "429", "401"),
    *("endless", "page", "redirect"),
)


@dataclass(frozen=True)
class Call:
    """A call as it arrived."""

    path: str
    headers: dict[str, str]
    text: bytes
    at: float
    behaviour: str

    @property
    def body(self) -> dict[str, Any]:
        """What it says."""
        found = json.loads(self.text)
        assert isinstance(found, dict)
        return found


@dataclass
class Receiver:
    """The calls so far, what comes next, and what the answers say."""

    url: str
    calls: list[Call] = field(default_factory=list)
    behaviours: deque[str] = field(default_factory=deque)
    answer: dict[str, Any] = field(
        default_factory=lambda: {"cordon": False, "drain": False, "again": 1}
    )

    def list(self, kind: str, *, accepted: bool = True) -> list[dict[str, Any]]:
        """Return the bodies of the calls of one kind."""
        return [
            each.body
            for each in self.calls
            if each.path.endswith(f"/api/callback/{kind}")
            and (each.behaviour == "ok" or not accepted)
        ]

    def serve(self, connection: socket.socket) -> None:
        """Read one call and answer it."""
        with connection, connection.makefile("rb") as reader:
            head = read_head(reader)
            if not head:
                return
            line, _, rest = head.partition(b"\r\n")
            headers = {
                name.lower(): value for name, value in message_from_bytes(rest).items()
            }
            text = reader.read(int(headers.get("content-length", "0")))
            behaviour = self.behaviours.popleft() if self.behaviours else "ok"
            path = line.split()[1].decode()
            self.calls.append(Call(path, headers, text, time.monotonic(), behaviour))
            self._treat(connection, behaviour)

    def _treat(self, connection: socket.socket, behaviour: str) -> None:
        body = json.dumps(self.answer).encode()
        match behaviour:
            case "ok":
                send(connection, b"200 OK", body)
            case "drop":
                pass
            case "hang":
                connection.recv(1)
            case "cut":
                send(connection, b"200 OK", body[:-2], length=len(body))
            case "endless":
                send(connection, b"200 OK", body, length=10**9)
                with suppress(OSError):
                    while True:
                        connection.sendall(b" " * 65536)
            case "429":
                send(connection, b"429 Too Many Requests", body, b"Retry-After: 3")
            case "page":
                send(connection, b"200 OK", b"<html>Sign in to the network</html>")
            case "redirect":
                send(connection, b"307 Temporary Redirect", body, b"Location: /other")
            case _:
                send(connection, behaviour.encode() + b" No", body)


def read_head(reader: BinaryIO) -> bytes:
    """Read up to the empty line; whoever hangs up before it has sent nothing."""
    lines = []
    while (line := reader.readline(65536)) != b"\r\n":
        if not line:
            return b""
        lines.append(line)
    return b"".join(lines)


def receive_more(connection: socket.socket) -> bytes:
    """Receive at least a byte. Raise ConnectionError once the other side hangs up."""
    if data := connection.recv(65536):
        return data
    raise ConnectionAbortedError("The other side hung up.")


def send(
    connection: socket.socket,
    status: bytes,
    body: bytes,
    *headers: bytes,
    length: int | None = None,
) -> None:
    """Send an answer that claims to have ``length`` bytes."""
    claimed = b"Content-Length: %d" % (len(body) if length is None else length)
    lines = (b"HTTP/1.1 " + status, claimed, b"Connection: close", *headers, b"", body)
    with suppress(OSError):
        connection.sendall(b"\r\n".join(lines))


@contextmanager
def receive(keys: Keys | None = None) -> Iterator[Receiver]:
    """Receive calls at localhost; with ``keys``, by TLS as a server's daemon."""
    context = _secure(keys) if keys else None
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        scheme = "https" if keys else "http"
        receiver = Receiver(f"{scheme}://localhost:{port}")

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    threading.Thread(
                        target=work, args=(connection,), daemon=True
                    ).start()

        def work(connection: socket.socket) -> None:
            # Whoever does not trust the certificate ends the connection.
            with suppress(OSError):
                connection.settimeout(20)
                if context:
                    connection = context.wrap_socket(connection, server_side=True)
                receiver.serve(connection)

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield receiver
        finally:
            server.shutdown(socket.SHUT_RDWR)


def _secure(keys: Keys) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        cert, key = Path(folder) / "cert", Path(folder) / "key"
        cert.write_text(keys.daemon_cert)
        key.write_text(keys.daemon_key)
        context.load_cert_chain(cert, key)
    return context
