"""The total time of one call of the port, whatever it sends and receives.

Time-outs are per read, so a server that trickles bytes could keep a request open
forever. Here a timer shuts the connections down, whatever their phase.
"""

import os
import socket
import threading
import time
from types import TracebackType
from typing import Final

# Of all pages of a call, unpacked. A page of zeros is sent as next to nothing.
MAX_RECEIVED: Final = 256 * 1024 * 1024
# Of JSON, in one answer and in all answers to a call. An empty list takes three bytes
# of an answer, and about sixty bytes of memory once it is read.
MAX_VALUES: Final = 1_000_000
MAX_ALL_VALUES: Final = 5_000_000
_local = threading.local()


class TooMuchError(ValueError):
    """The answers to one call have more bytes than this process may hold."""


class Received:
    """How much was received for one call, in all of its threads."""

    def __init__(self) -> None:
        self._bytes = 0
        self._values = 0
        self._lock = threading.Lock()

    def add(self, number: int) -> None:
        """Count bytes. Raise TooMuchError if there are too many."""
        with self._lock:
            self._bytes += number
            if self._bytes > MAX_RECEIVED:
                raise TooMuchError

    def add_values(self, number: int) -> None:
        """Count values of JSON. Raise TooMuchError if there are too many."""
        with self._lock:
            self._values += number
            if self._values > MAX_ALL_VALUES:
                raise TooMuchError


class Deadline:
    """The time and the connections of one call of the port, in one thread.

    ``what`` names the cloud in the sentences of errors. ``received`` is that of the
    call, if this is one of its threads. Then ``at_once`` answers may come together, and
    they share the limits of one answer equally.
    """

    def __init__(
        self,
        seconds: float,
        what: str,
        received: Received | None = None,
        *,
        at_once: int = 1,
    ) -> None:
        self.received = received or Received()
        self.at_once = at_once
        self.ends = time.monotonic() + seconds
        self.what = what
        self.sent = False  # whether the latest request was sent
        self._sockets: list[int] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._shut_down)
        self._timer.daemon = True

    def __enter__(self) -> "Deadline":
        self._timer.start()
        _local.deadline = self
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _local.deadline = None
        self._timer.cancel()
        with self._lock:
            for descriptor in self._sockets:
                os.close(descriptor)
            self._sockets.clear()

    def remaining(self) -> float:
        """Return the seconds left. Raise TimeoutError if none are left."""
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the call's deadline has passed")
        return left

    def watch(self, connection: socket.socket) -> None:
        """Shut ``connection`` down at the deadline.

        Uses a duplicate of its descriptor, since TLS takes over the original.
        """
        self.remaining()
        with self._lock:
            self._sockets.append(os.dup(connection.fileno()))

    def _shut_down(self) -> None:
        with self._lock:
            for descriptor in self._sockets:
                # Closing would only drop our duplicate. This ends the connection.
                duplicate = socket.socket(fileno=descriptor)
                try:
                    duplicate.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass  # the connection is closed already
                finally:
                    duplicate.detach()


def current_deadline() -> Deadline:
    """Return the deadline of this thread's current call."""
    deadline: Deadline | None = getattr(_local, "deadline", None)
    assert deadline is not None
    return deadline
