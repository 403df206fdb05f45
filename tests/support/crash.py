"""Kill a process at its n-th boundary of input or output, for every n.

The boundaries are counted in the process to be killed: after each database statement
and COMMIT (between two of them, only memory changes), before each statement and commit
of the sandbox's world and each wait for its answer, and around each chunk sent to or
read from a socket. Children are forked from a warm parent, which is fast.
"""

import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Collection
from contextlib import ExitStack
from typing import Any
from unittest.mock import patch

from django.db import connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from servers.clouds.sandbox.world import World

Boundary = Callable[[str], None]
# Those around a call over HTTP, and around what is saved before and after it.
ON_THE_WIRE = frozenset(
    ("cloud", "cloud, half", "sent", "answer awaited", "answer come", "commit done")
)
# Requests are split here, so that a kill leaves the cloud with half of one.
PIECES = 3


def run_in_child(act: Callable[[], None], at_boundary: Boundary) -> int:
    """Fork, and run ``act`` in the child. Call ``at_boundary`` at each boundary.

    Return the child's process id. It exits without any clean-up, as if killed.
    """
    connections.close_all()
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        with ExitStack() as stack:
            _watch(at_boundary, stack)
            act()
        code = 0
    finally:
        os._exit(code)


def kill_at(number: int, kinds: Collection[str] = ()) -> Boundary:
    """Return a boundary that kills its process with SIGKILL at the n-th, from 1.

    Only boundaries of these kinds count, or all if there are none.
    """
    passed = 0

    def at_boundary(what: str) -> None:
        nonlocal passed
        passed += not kinds or what in kinds
        if passed == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return at_boundary


def stop_at(what: str) -> Boundary:
    """Return a boundary that suspends its process at the first of its kind."""
    stopped = False

    def at_boundary(name: str) -> None:
        nonlocal stopped
        if name == what and not stopped:
            stopped = True
            os.kill(os.getpid(), signal.SIGSTOP)

    return at_boundary


def was_killed(child: int) -> bool:
    """Wait for a child, and tell whether it was killed before it finished."""
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status) == signal.SIGKILL
    assert os.WEXITSTATUS(status) == 0, "the child failed by itself"
    return False


def _watch(at_boundary: Boundary, stack: ExitStack) -> None:
    _watch_database(at_boundary, stack)
    _watch_world(at_boundary, stack)
    _watch_sockets(at_boundary, stack)


def _watch_database(at_boundary: Boundary, stack: ExitStack) -> None:
    def around(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        result = execute(sql, params, many, context)
        at_boundary("statement done")
        return result

    stack.enter_context(connection.execute_wrapper(around))
    commit = BaseDatabaseWrapper._commit  # type: ignore[attr-defined]

    def watched(self: BaseDatabaseWrapper) -> Any:
        result = commit(self)
        at_boundary("commit done")
        return result

    stack.enter_context(patch.object(BaseDatabaseWrapper, "_commit", watched))


def _watch_world(at_boundary: Boundary, stack: ExitStack) -> None:
    opened = World._connection

    def watched(self: World) -> sqlite3.Connection:
        found = opened(self)
        found.set_trace_callback(lambda _: at_boundary("cloud"))
        return found

    stack.enter_context(patch.object(World, "_connection", watched))
    sleep = time.sleep

    def sleeping(seconds: float) -> None:
        at_boundary("answer awaited")
        sleep(seconds)
        at_boundary("answer come")

    stack.enter_context(patch.object(time, "sleep", sleeping))


def _watch_sockets(at_boundary: Boundary, stack: ExitStack) -> None:
    send, receive = socket.socket.sendall, socket.socket.recv_into

    def sending(self: socket.socket, data: Any, *flags: int) -> None:
        view = memoryview(data)
        size = max(1, -(-len(view) // PIECES))
        for start in range(0, len(view), size):
            at_boundary("cloud" if start == 0 else "cloud, half")
            send(self, view[start : start + size], *flags)
        at_boundary("sent")

    def receiving(self: socket.socket, *arguments: Any) -> int:
        at_boundary("answer awaited")
        count = receive(self, *arguments)
        at_boundary("answer come")
        return count

    stack.enter_context(patch.object(socket.socket, "sendall", sending))
    stack.enter_context(patch.object(socket.socket, "recv_into", receiving))
