"""How many threads looks at machines may hold, so that those that hang delay no others.

A look at a machine that answers takes milliseconds; one at a machine that hangs takes
as long as it may. So the first look at a machine is short. One that took long is given
more time from then on, but a few threads are for all of these together: the more of
them there are, the longer each waits for its turn. And however many machines hang at
once, some threads are left for everything else.

Each process knows only its own looks. After a start it learns again, within one look.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.conf import settings

QUICK_SECONDS: Final = 1.0
SLOW_SECONDS: Final = 3.0
# A machine that was slow is forgotten after this: its server may have ended.
_FORGET_SECONDS: Final = 300.0
_SOONEST: Final = 2.0
_LATEST: Final = 15.0

_lock = threading.Lock()
_slow: dict[UUID, float] = {}  # since when, in seconds of uptime
_in_progress: dict[bool, int] = {False: 0, True: 0}  # of slow machines, and of others


class CrowdedError(Exception):
    """Too many looks are in progress. Try again after ``wait``."""

    def __init__(self, wait: timedelta) -> None:
        super().__init__(wait)
        self.wait = wait


@contextmanager
def look_slot(server_id: UUID) -> Iterator[float]:
    """Hold a slot for a look at a server's machine. Yield the seconds it may take.

    Raises CrowdedError if none is free.
    """
    with _lock:
        is_slow = server_id in _slow
        _raise_if_crowded(is_slow=is_slow)
        _in_progress[is_slow] += 1
    began = time.monotonic()
    try:
        yield SLOW_SECONDS if is_slow else QUICK_SECONDS
    finally:
        ended = time.monotonic()
        with _lock:
            _in_progress[is_slow] -= 1
            if ended - began >= QUICK_SECONDS * 0.8:
                _slow[server_id] = ended
            else:
                _slow.pop(server_id, None)


def _raise_if_crowded(*, is_slow: bool) -> None:
    most, for_slow = settings.WORKER_THREADS * 3 // 4, settings.WORKER_THREADS // 4
    if is_slow and _in_progress[True] >= max(1, for_slow):
        _forget()
        round_seconds = SLOW_SECONDS * len(_slow) / max(1, for_slow)
        wait = min(max(_SOONEST, round_seconds / 2), _LATEST)
        raise CrowdedError(timedelta(seconds=wait))
    if sum(_in_progress.values()) >= max(1, most):
        raise CrowdedError(timedelta(seconds=QUICK_SECONDS))


def _forget() -> None:
    since = time.monotonic() - _FORGET_SECONDS
    for server_id in [pk for pk, at in _slow.items() if at < since]:
        del _slow[server_id]
