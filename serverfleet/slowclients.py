"""A client's connection to gunicorn, with a deadline for what the client sends."""

import contextlib
import errno
import select
import socket
import struct
import time
from typing import Any, Final

from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers.gthread import TConn

from serverfleet import env

# How long a head may take to come, and after it the body.
REQUEST_SECONDS: Final = env.read_float("SERVERFLEET_REQUEST_SECONDS", 20, least=0.1)
# How long a client may take to read the whole answer: a list may have megabytes.
SEND_SECONDS: Final = 120.0
# How long the kernel waits, for either, before a thread looks at the clock.
_TURN: Final = struct.pack("ll", 5, 0)
MOST_HEAD_BYTES: Final = 64 * 1024
MOST_DRAINED_BYTES: Final = 1024 * 1024


class SlowClientError(TimeoutError):
    """A client that sends or reads too slowly: gunicorn just ends its connection.

    The number is that of a broken pipe. With any other gunicorn would log it as a
    fault, with a trace.
    """

    def __init__(self) -> None:
        super().__init__(errno.EPIPE, "The client is too slow.")


class DeadlineSocket(socket.socket):
    """A client's socket, of which a whole answer has a deadline.

    It always blocks, in the kernel: with a timeout of Python's own each piece that fits
    into the kernel's buffer costs two calls and a fight for the interpreter's lock,
    which a list of megabytes feels. So does each switch from waiting to not waiting, of
    which gunicorn makes six in a request; here who must not wait says so with the call.
    """

    @classmethod
    def take_over(cls, plain: socket.socket) -> "DeadlineSocket":
        """Return the same connection; ``plain`` is used up."""
        plain.setblocking(True)
        taken = cls(fileno=plain.detach())
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TURN)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _TURN)
        return taken

    def setblocking(self, flag: bool, /) -> None:
        """Leave it as it is."""

    def settimeout(self, value: float | None, /) -> None:
        """Leave it as it is."""

    def is_readable(self, within: float) -> bool:
        """Wait, for some seconds, until something can be read, or the end."""
        poll = select.poll()
        poll.register(self, select.POLLIN)
        return bool(poll.poll(within * 1000))

    def recv_now(self, size: int) -> bytes:
        """Return what has come; raise BlockingIOError where nothing has."""
        return self.recv(size, socket.MSG_DONTWAIT)

    def send_now(self, data: bytes) -> None:
        """Send what the kernel takes at once."""
        self.send(data, socket.MSG_DONTWAIT)

    def sendall(self, data: Any, flags: int = 0, /) -> None:
        """Send it; raise TimeoutError where that takes too long."""
        ends = time.monotonic() + SEND_SECONDS
        left = memoryview(data)
        while left:
            with contextlib.suppress(BlockingIOError):  # at the end of a turn
                left = left[self.send(left, flags) :]
            if left and time.monotonic() > ends:
                raise TimeoutError


class PatientUnreader(SocketUnreader):  # type: ignore[misc]
    """Reads from a client until ``ends``, however small the pieces are."""

    ends = 0.0  # by time.monotonic()

    def chunk(self, size_hint: int | None = None) -> bytes:
        """Return the next piece; raise SlowClientError where the time is over."""
        left = self.ends - time.monotonic()
        if left <= 0 or not self.sock.is_readable(left):
            raise SlowClientError
        piece: bytes = super().chunk(size_hint)
        return piece


class Connection(TConn):  # type: ignore[misc]
    """A client, and what has come of the head of its next request."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.head = bytearray()
        self.drained = 0
        # Before a thread has it, there is data: it need not look for any.
        self.data_ready = True

    def take(self) -> bool | None:
        """Read what has come; tell whether the head is whole, None at its end.

        The end of a head is looked for in what is new alone.
        """
        seen = max(0, len(self.head) - 3)
        try:
            piece = self.sock.recv_now(MOST_HEAD_BYTES)
        except BlockingIOError:
            return False
        except OSError:
            return None
        self.head += piece
        if not piece:
            return True if self.head else None  # the parser says what is wrong
        return b"\r\n\r\n" in self.head[seen:] or b"\n\n" in self.head[seen:]

    def follows(self, within: float) -> bool:
        """Tell whether the head of another request comes, whole, within some seconds.

        What has come of it is kept. What the parser has read ahead is for the main
        loop: it gives each connection its turn.
        """
        if self.parser.unreader.buf.getvalue() or not self.sock.is_readable(within):
            return False
        return bool(self.take())

    def drain(self) -> bool:
        """Throw away what has come; tell whether more may."""
        try:
            self.drained += len(piece := self.sock.recv_now(MOST_HEAD_BYTES))
        except BlockingIOError:
            return True
        except OSError:
            return False
        return bool(piece) and self.drained < MOST_DRAINED_BYTES

    def prepare(self) -> None:
        """Give the parser what was read, and a deadline for the rest."""
        self.init()
        unreader = self.parser.unreader
        if not isinstance(unreader, PatientUnreader):
            unreader = self.parser.unreader = PatientUnreader(self.sock)
        unreader.ends = time.monotonic() + REQUEST_SECONDS
        if self.head:
            unreader.unread(bytes(self.head))
            self.head.clear()
