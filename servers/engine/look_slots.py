"""How many threads looks at machines may hold, so that those that hang delay no others.

A look at a machine that answers takes milliseconds; one at a machine that hangs takes
as long as it may. So machines are told apart by their last look: a *new* one had none,
a *slow* one took long, a *quick* one answered. Slow ones get the time that they need,
but a few threads are for all of them together: the more of them there are, the longer
each waits for its turn. A new one may hang, too, so new
and slow ones together leave threads to the quick ones. And however many machines hang
at once, some threads are left for everything but looks.

Each process knows only its own looks. After a start it learns again, within one look.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from enum import Enum, auto
from typing import Final
from uuid import UUID

from django.conf import settings


class Pace(Enum):
    """What the last look at a machine has shown."""

    NEW = auto()
    QUICK = auto()
    SLOW = auto()


# How many seconds a look may take. With less for a new one, machines that are far away,
# or busy with their boot, would count as slow.
SECONDS: Final = {Pace.NEW: 1.0, Pace.QUICK: 1.0, Pace.SLOW: 3.0}
# A machine was slow if it took this share of the time of a look at a quick one, or of
# its own look's, if that is shorter.
_SLOW_SHARE: Final = 0.8
# A machine is forgotten this many seconds after its last look: it may have ended.
_FORGET_SECONDS: Final = 300.0
_SOONEST: Final = 2.0
_LATEST: Final = 15.0

_lock = threading.Lock()
_known: dict[UUID, tuple[Pace, float]] = {}  # and since when, in seconds of uptime
_in_progress: dict[Pace, int] = dict.fromkeys(Pace, 0)
_last_forgot = 0.0


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
    began = time.monotonic()
    with _lock:
        _forget(began)
        pace = _known[server_id][0] if server_id in _known else Pace.NEW
        _raise_if_crowded(pace)
        _in_progress[pace] += 1
    try:
        yield SECONDS[pace]
    finally:
        ended = time.monotonic()
        limit = _SLOW_SHARE * min(SECONDS[pace], SECONDS[Pace.QUICK])
        shown = Pace.SLOW if ended - began >= limit else Pace.QUICK
        with _lock:
            _in_progress[pace] -= 1
            _known[server_id] = (shown, ended)


def _raise_if_crowded(pace: Pace) -> None:
    threads = settings.WORKER_THREADS
    for_all, for_unproven, for_slow = threads * 3 // 4, threads // 2, threads // 4
    slow = _in_progress[Pace.SLOW]
    if pace is Pace.SLOW and slow >= max(1, for_slow):
        count = sum(each is Pace.SLOW for each, _ in _known.values())
        wait = SECONDS[Pace.SLOW] * count / max(1, for_slow) / 2
        raise CrowdedError(timedelta(seconds=min(max(_SOONEST, wait), _LATEST)))
    is_unproven = pace is not Pace.QUICK
    if (is_unproven and slow + _in_progress[Pace.NEW] >= max(1, for_unproven)) or sum(
        _in_progress.values()
    ) >= max(1, for_all):
        raise CrowdedError(timedelta(seconds=SECONDS[Pace.QUICK]))


def _forget(now: float) -> None:
    """Forget what was not looked at for long. Seldom, because it reads them all."""
    global _last_forgot  # noqa: PLW0603 - one memory per process
    if now - _last_forgot < _FORGET_SECONDS / 10:
        return
    _last_forgot = now
    since = now - _FORGET_SECONDS
    for server_id in [pk for pk, (_, at) in _known.items() if at < since]:
        del _known[server_id]
