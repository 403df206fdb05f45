"""What the threads of a worker are doing, and which of them wait for a cloud.

With this, another thread can tell whether all of them hang. In memory, for this process
only.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

# No call to a cloud can take this long, since each has a total deadline.
CALL_MOST: Final = 180.0  # seconds


@dataclass(slots=True)
class _Task:
    called: float | None = None  # when it began to wait for a cloud; time.monotonic()


_tasks: dict[int, _Task] = {}
_lock = threading.Lock()


_moves = 0  # tasks that started or ended since this process started


@contextmanager
def running() -> Iterator[None]:
    """Count the block as a task of this thread."""
    global _moves  # noqa: PLW0603 - one count per process
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
    """Return how many times a task started or ended in this process."""
    return _moves


def count_running() -> int:
    """Return how many tasks are running."""
    return len(_tasks)


def waits_for_cloud(now: float) -> bool:
    """Tell whether any task waits for a cloud, and not longer than a call can take.

    ``now`` is from ``time.monotonic()``.
    """
    with _lock:
        calls = [task.called for task in _tasks.values()]
    return any(called is not None and now - called < CALL_MOST for called in calls)
