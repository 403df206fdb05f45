"""A local socket whose connections lead to a server's daemon, each fully verified.

What runs through is not understood, only carried, so everything works that Docker's
clients do: an upgraded connection of ``docker exec -it``, an endless ``docker logs``,
an image of gigabytes. Each direction ends by itself, as a client's input does long
before the answer to it. Python's own TLS socket can't do that: its ``unwrap`` fails if
data arrives meanwhile. So here TLS works in memory, and one thread moves the bytes.
"""

import contextlib
import json
import os
import select
import socket
import ssl
import threading
import time
from pathlib import Path
from typing import Final

from servers.machine.docker.connection import (
    Endpoint,
    explain_failure,
    find_rest,
    make_context,
    open_plain,
)
from servers.machine.docker.errors import DockerError

CONNECT_SECONDS: Final = 10.0
_CHUNK: Final = 65536
# Whoever sends faster than the other side reads has to wait.
_MOST_WAITING: Final = 1024 * 1024
_ENDED: Final = select.POLLHUP | select.POLLERR


class Tunnel:
    """A listening unix socket at ``path``, for its owner alone."""

    def __init__(self, endpoint: Endpoint, path: Path) -> None:
        """Listen. Raise OSError if the path is taken or can't be one of a socket."""
        self.endpoint = endpoint
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            self._listener.bind(str(path))
        except OSError:
            self._listener.close()
            raise
        finally:
            os.umask(before)
        self._listener.listen()
        self._opened: set[socket.socket] = set()

    def serve(self) -> None:
        """Carry connections, each in a thread, until ``close``."""
        while True:
            try:
                local, _ = self._listener.accept()
            except OSError:
                return
            self._opened.add(local)
            threading.Thread(target=self._carry, args=(local,), daemon=True).start()

    def close(self) -> None:
        """Stop listening, end all connections, and remove the socket."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.path.unlink(missing_ok=True)
        for each in list(self._opened):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _carry(self, local: socket.socket) -> None:
        try:
            carry(local, self.endpoint)
        finally:
            self._opened.discard(local)


def carry(local: socket.socket, endpoint: Endpoint) -> None:
    """Connect to the daemon, and move bytes both ways until both sides have ended.

    If that fails before the daemon has answered, the client gets the reason in the form
    of a daemon's error.
    """
    with local:
        try:
            channel = _Channel(endpoint)
        except DockerError as error:
            with contextlib.suppress(OSError):
                local.settimeout(CONNECT_SECONDS)
                local.recv(_CHUNK)  # else closing would discard the answer
            _tell(local, error)
            return
        try:
            _pump(local, channel)
        except (OSError, ValueError) as error:
            if not channel.has_answered:
                _tell(local, explain_failure(error))
        finally:
            channel.plain.close()


class _Channel:
    """TLS to the daemon, in memory: what to send, and what was received."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = make_context(endpoint)
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_hostname=endpoint.name
        )
        self.has_answered = False
        self.has_ended = False  # the daemon sends no more
        self._is_closing = False
        ends = time.monotonic() + CONNECT_SECONDS
        self.plain = open_plain(endpoint, ends=ends)
        try:
            self._shake_hands(ends)
        except (OSError, ValueError) as error:
            self.plain.close()
            raise explain_failure(error) from None
        self.plain.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.plain.setblocking(False)

    def _shake_hands(self, ends: float) -> None:
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self.plain.settimeout(find_rest(ends))
                self.plain.sendall(self._outgoing.read())
                got = self.plain.recv(_CHUNK)
                if not got:
                    raise ConnectionResetError from None
                self._incoming.write(got)
            else:
                self.plain.settimeout(find_rest(ends))
                self.plain.sendall(self._outgoing.read())
                return

    def encrypt(self, data: bytes) -> bytes:
        """Return what to send for ``data``; for b"", that no more follows."""
        if data:
            view = memoryview(data)
            while view:
                view = view[self._tls.write(view) :]
        else:
            self._is_closing = True
            # All that arrived was read before, so this only writes.
            with contextlib.suppress(ssl.SSLWantReadError):
                self._tls.unwrap()
        return self._outgoing.read()

    def decrypt(self, received: bytes) -> bytes:
        """Return the data in what was received; b"" means that it has ended."""
        if received:
            self._incoming.write(received)
        else:
            self._incoming.write_eof()
        data = bytearray()
        try:
            while part := self._tls.read(_CHUNK):
                data += part
            self.has_ended = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self.has_ended = True
        except ssl.SSLEOFError:
            if not self._is_closing:
                raise
            self.has_ended = True
        self.has_answered = self.has_answered or bool(data)
        return bytes(data)


def _pump(local: socket.socket, channel: _Channel) -> None:
    """Move bytes both ways, as fast as each side takes them."""
    local.setblocking(False)
    plain = channel.plain
    to_local, to_daemon = bytearray(), bytearray()
    sends = True  # the client may send more
    while to_daemon or to_local or not channel.has_ended:
        reads_plain = not channel.has_ended and len(to_local) <= _MOST_WAITING
        reads_local = sends and len(to_daemon) <= _MOST_WAITING
        ready = _wait(
            (plain, reads_plain, bool(to_daemon)), (local, reads_local, bool(to_local))
        )
        if ready[plain] & select.POLLIN:
            to_local += channel.decrypt(plain.recv(_CHUNK))
        if ready[local] & select.POLLIN and reads_local:
            data = local.recv(_CHUNK)
            sends = bool(data)
            to_daemon += channel.encrypt(data)
        elif ready[local] & _ENDED:
            return  # the client is gone, and nobody waits for an answer
        if ready[plain] & select.POLLOUT:
            del to_daemon[: plain.send(to_daemon)]
        if ready[local] & select.POLLOUT:
            del to_local[: local.send(to_local)]
    with contextlib.suppress(OSError):
        local.shutdown(socket.SHUT_WR)


def _wait(*sides: tuple[socket.socket, bool, bool]) -> dict[socket.socket, int]:
    """Wait until one of the sides can be read or written, and return what can be."""
    poll = select.poll()
    for connection, reads, writes in sides:
        wanted = (select.POLLIN if reads else 0) | (select.POLLOUT if writes else 0)
        # Without a wish, only that a client has gone is news.
        if wanted or connection.family == socket.AF_UNIX:
            poll.register(connection, wanted)
    ready = dict(poll.poll())
    found = {}
    for connection, reads, _ in sides:
        bits = ready.get(connection.fileno(), 0)
        if reads and bits & _ENDED:
            bits |= select.POLLIN  # reading tells what it is
        found[connection] = bits
    return found


def _tell(local: socket.socket, error: DockerError) -> None:
    """Answer as a daemon does that can't do what it was asked."""
    body = json.dumps({"message": error.message}).encode()
    head = (
        "HTTP/1.1 502 Bad Gateway\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    with contextlib.suppress(OSError):
        local.settimeout(CONNECT_SECONDS)
        local.sendall(head.encode() + body)
