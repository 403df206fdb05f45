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
    called: float | None = None  # since when it waits for a cloud; time.monotonic()


_tasks: dict[int, _Task] = {}
_lock = threading.Lock()


_moves = 0  # tasks that have begun or ended since this process started


@contextmanager
def running() -> Iterator[None]:
    """Count the block as a task of this thread."""
    global _moves  # noqa: PLW0603 - one count a process
    me = threading.get_ident()
    with _lock:
        _tasks[me] = _Task()
        _moves += 1
    try:
        yield
    finally:
        with _lock:
            _tasks.pop(me, None)
            _moves += 1


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


def count_moves() -> int:
    """Return how many tasks have begun or ended in this process, counted together."""
    return _moves


def count_running() -> int:
    """Return how many tasks run now."""
    return len(_tasks)


def waits_for_cloud(now: float) -> bool:
    """Tell whether any task waits for a cloud, within what a call may take.

    ``now`` as of ``time.monotonic()``.
    """
    with _lock:
        calls = [task.called for task in _tasks.values()]
    return any(called is not None and now - called < CALL_MOST for called in calls)
