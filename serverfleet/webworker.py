"""gunicorn's worker with threads, patient with slow clients, and with errors in JSON.

A process has few threads, and a client must not hold one by being slow. So the main
loop reads the head of a request, as it comes, and a thread gets it whole; from there on
the body has a deadline in all, and so has the sending of the answer. The main loop
itself waits for no client, not for its goodbye either.

What is no HTTP never reaches Django. gunicorn would answer it in HTML, with the
client's own words in it; here it is a sentence in JSON, and one line in the log.
"""

import contextlib
import errno
import socket
import sys
import time
from collections import deque
from concurrent.futures import Future
from functools import partial
from selectors import EVENT_READ
from typing import Any, Final

from gunicorn.http.errors import LimitRequestHeaders
from gunicorn.workers.gthread import ThreadWorker

from serverfleet.nohttp import FAULT_STATUS, answer_to
from serverfleet.slowclients import (
    MOST_HEAD_BYTES,
    REQUEST_SECONDS,
    Connection,
    DeadlineSocket,
    SlowClientError,
)

# Of a connection that is gone before it is looked at.
_GONE: Final = {errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK}
# How long a client may take to read the end of its last answer.
LEAVE_SECONDS: Final = 2.0
# How often a process that is busy says that it lives.
NOTIFY_SECONDS: Final = 0.5
# How long a thread stays for the next request of the client that it has served.
STAY_SECONDS: Final = 0.001
_APP_LOAD_ERROR: Final = 4  # with any other gunicorn would start a worker again


class JSONThreadWorker(ThreadWorker):  # type: ignore[misc]
    """The ``gthread`` worker for clients that are slow or wrong; HTTP without TLS."""

    # How many seconds a process without a free thread leaves a connection to others.
    left_to_others = 0.02

    def init_process(self) -> None:
        """Start; refuse TLS, whose heads the main loop could not read."""
        self.leaving: deque[Connection] = deque()
        self.in_threads = 0
        self.left_at: float | None = None
        self.notified_at = 0.0
        if self.cfg.is_ssl:
            self.log.error("The web speaks no TLS itself; put a proxy in front.")
            sys.exit(_APP_LOAD_ERROR)
        super().init_process()

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Look anew, each turn, whether new connections are for this process."""
        if self.alive:
            self.set_accept_enabled(self.nr_conns < self.worker_connections)
        looked, left_at = self._accepting, self.left_at
        if not looked:
            timeout = min(timeout, self.left_to_others)
        elif left_at is not None:
            timeout = 0.0  # only to see whether it is still there
        super().wait_for_and_dispatch_events(timeout)
        if looked and self.left_at == left_at:
            self.left_at = None  # another process has taken it

    def notify(self) -> None:
        """Tell gunicorn that this process lives; not after each event anew."""
        now = time.monotonic()
        if now >= self.notified_at + NOTIFY_SECONDS:
            self.notified_at = now
            super().notify()

    def set_accept_enabled(self, enabled: bool) -> None:
        """Look away from a connection that was just left to the others."""
        if self.left_at is not None and not self._has_thread():
            left_for = time.monotonic() - self.left_at
            enabled = enabled and left_for >= self.left_to_others
        super().set_accept_enabled(enabled)

    def _has_thread(self) -> bool:
        return bool(self.in_threads < self.cfg.threads)

    def enqueue_req(self, conn: Connection) -> None:
        """Give a request to the threads."""
        self.in_threads += 1
        super().enqueue_req(conn)

    def accept(self, listener: Any) -> None:
        """Accept a connection, and read what has come of its request.

        While no thread is free it would wait here, though another process may have the
        time: it is left to them for a moment. For a moment only: where all are busy
        with connections that are kept, somebody must take it.
        """
        if self.left_at is None and not self._has_thread():
            self.left_at = time.monotonic()
            return
        self.left_at = None
        try:
            sock, address = listener.accept()
        except OSError as error:
            if error.errno not in _GONE:
                raise
            return
        self.nr_conns += 1
        client = DeadlineSocket.take_over(sock)
        conn = Connection(self.cfg, client, address, listener.getsockname())
        if self._has_head(conn):
            self.enqueue_req(conn)

    def on_client_socket_readable(self, conn: Connection, client: Any) -> None:
        """Read the next request of a connection that was kept."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        if self._has_head(conn):
            self.enqueue_req(conn)

    def on_pending_socket_readable(self, conn: Connection, client: Any) -> None:
        """Read on, of a head that has come in part."""
        whole = conn.take()
        if whole is False and len(conn.head) <= MOST_HEAD_BYTES:
            return
        self.poller.unregister(client)
        self.pending_conns.remove(conn)
        if whole is None or not whole:
            self._drop(conn, LimitRequestHeaders("head") if conn.head else None)
        else:
            self.enqueue_req(conn)

    def murder_pending(self) -> None:
        """Give up on heads that did not come in time."""
        now = time.monotonic()
        while self.pending_conns and self.pending_conns[0].timeout <= now:
            conn = self.pending_conns.popleft()
            self.poller.unregister(conn.sock)
            self._drop(conn, SlowClientError() if conn.head else None)

        while self.leaving and self.leaving[0].timeout <= now:
            conn = self.leaving.popleft()
            self.poller.unregister(conn.sock)
            self._close(conn)

    def finish_request(self, conn: Connection, fs: "Future[Any]") -> None:
        """Keep the connection for its next request, or say goodbye."""
        self.in_threads -= 1
        if fs.cancelled() or fs.exception() is not None or not fs.result():
            self._leave(conn)
        elif conn.head:
            self._await_head(conn)
        else:
            super().finish_request(conn, fs)

    def handle(self, conn: Connection) -> Any:
        """Serve a request whose head is here, in a thread, and what follows at once.

        A busy client sends its next request a moment after an answer. While nobody
        else waits for a thread, this one waits that moment. The way by the main loop
        costs an eighth of a small request of eight clients, and half of a lone one's.
        """
        while True:
            conn.prepare()
            kept = super().handle(conn)
            stays = kept and self.alive and self.in_threads <= self.cfg.threads
            if not (stays and conn.follows(STAY_SECONDS)):
                return kept

    def handle_request(self, req: Any, conn: Connection) -> Any:
        """Serve it; a client that does not read the answer is let go."""
        try:
            return super().handle_request(req, conn)
        except TimeoutError:
            raise SlowClientError from None

    def handle_error(
        self, req: Any, client: Any, addr: Any, exc: BaseException
    ) -> None:
        """Answer a request that could not be parsed, and close the connection."""
        status, answer = answer_to(exc)
        if status == FAULT_STATUS:
            self.log.error("A request failed outside of the application.", exc_info=exc)
        else:
            self.log.info("A request was no valid HTTP: %s.", type(exc).__name__)
        # The client may be gone by now.
        with contextlib.suppress(OSError):
            client.send_now(answer)

    def _has_head(self, conn: Connection) -> bool:
        """Tell whether a thread can go on; else the poller waits for more, or none."""
        whole = conn.take()
        if whole is None:
            self._drop(conn, None)
        elif not whole:
            self._await_head(conn)
        return bool(whole)

    def _await_head(self, conn: Connection) -> None:
        conn.timeout = time.monotonic() + REQUEST_SECONDS
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, EVENT_READ, readable)

    def _drop(self, conn: Connection, error: Exception | None) -> None:
        """End a connection that no thread has seen, with an answer to an error."""
        if error is None:
            self._close(conn)
            return
        self.handle_error(None, conn.sock, conn.client, error)
        self._leave(conn)

    def _leave(self, conn: Connection) -> None:
        """Let a client read what it was sent, and close once it has.

        gunicorn would wait for that here in the main loop, and so hold up everyone.
        """
        try:
            conn.sock.shutdown(socket.SHUT_WR)
            readable = partial(self._drain, conn)
            self.poller.register(conn.sock, EVENT_READ, readable)
        except (OSError, ValueError):  # it is closed already
            self._close(conn)
            return
        conn.timeout = time.monotonic() + LEAVE_SECONDS
        self.leaving.append(conn)

    def _drain(self, conn: Connection, client: Any) -> None:
        """Throw away what a leaving client still sends, to a bound."""
        if conn.drain():
            return
        self.poller.unregister(client)
        self.leaving.remove(conn)
        self._close(conn)

    def _close(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()
