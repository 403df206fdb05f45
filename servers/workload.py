"""What the threads of a worker are at: since when, and which of them wait for a cloud.

So that it can be told from outside of these threads whether all of them hang. In
memory, of this process alone.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

# No call to a cloud may take as long: each has a deadline in all.
CALL_MOST: Final = 180.0  # seconds


@dataclass(slots=True)
class _Task:
    begun: float  # time.monotonic()
    called: float | None = None  # since when it waits for a cloud


_tasks: dict[int, _Task] = {}
_lock = threading.Lock()


@dataclass(slots=True)
class Progress:
    """How far this process has come."""

    begun: int = 0  # tasks, since it started
    last_move: float = 0.0  # when a task last began or ended, time.monotonic()


_progress = Progress()


@contextmanager
def running() -> Iterator[None]:
    """Count the block as a task of this thread."""
    me = threading.get_ident()
    with _lock:
        now = time.monotonic()
        _tasks[me] = _Task(now)
        _progress.begun += 1
        _progress.last_move = now
    try:
        yield
    finally:
        with _lock:
            _tasks.pop(me, None)
            _progress.last_move = time.monotonic()


@contextmanager
def calling() -> Iterator[None]:
    """Count the block as a wait for a cloud."""
    task = _tasks.get(threading.get_ident())
    if task is None:
        yield
        return
    task.called = time.monotonic()
    try:
        yield
    finally:
        task.called = None


def count_begun() -> int:
    """Return how many tasks have begun in this process."""
    return _progress.begun


def count_running() -> int:
    """Return how many tasks run now."""
    return len(_tasks)


def measure_standstill(now: float, *, threads: int) -> float:
    """Return for how many seconds all threads have hung; 0 while one is free.

    A thread that waits for a cloud does not hang: the call has a deadline. ``now`` as
    of ``time.monotonic()``.
    """
    with _lock:
        tasks = list(_tasks.values())
        last_move = _progress.last_move
    if len(tasks) < threads:
        return 0.0
    if any(task.called is not None and now - task.called < CALL_MOST for task in tasks):
        return 0.0
    return max(0.0, now - last_move)
