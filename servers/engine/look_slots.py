"""How many threads looks at machines may hold, so that those that hang delay no others.

A look at a machine that answers takes milliseconds; one at a machine that hangs takes
as long as it may. So machines are told apart by their last look: a *new* one had none,
a *slow* one took long, a *quick* one answered. Slow ones get the time that they need,
but a few threads are for all of them together: the more of them there are, the longer
each waits for its turn. A new one may hang, too, so new and slow ones together leave
threads to the quick ones. And however many machines hang at once, some threads are left
for everything but looks.

Whoever finds no slot sets a timer and, unless slow, joins a line: when a look ends, the
first in it is hinted. Otherwise slots would be idle until the tick after its timer.

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

from servers import tracing
from servers.messaging import dispatch
from servers.placing.lines import Lines, Waiter


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
# The timer of who is in a line, and the ticks until its hint.
_IN_LINE_SECONDS: Final = 3.0

_lock = threading.Lock()
_known: dict[UUID, tuple[Pace, float]] = {}  # and since when, in seconds of uptime
_in_progress: dict[Pace, int] = dict.fromkeys(Pace, 0)
_last_forgot = 0.0
_lines: Final = Lines[Pace](kept_seconds=_IN_LINE_SECONDS)


class CrowdedError(Exception):
    """Too many looks at machines of this pace are in progress. Wait this long."""

    def __init__(self, pace: Pace, wait: timedelta) -> None:
        super().__init__(pace, wait)
        self.pace = pace
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
        if (wait := _find_wait(pace)) is not None:
            raise CrowdedError(pace, timedelta(seconds=wait))
        _in_progress[pace] += 1
    _lines.leave(_name_waiter(server_id))
    try:
        yield SECONDS[pace]
    finally:
        ended = time.monotonic()
        limit = _SLOW_SHARE * min(SECONDS[pace], SECONDS[Pace.QUICK])
        shown = Pace.SLOW if ended - began >= limit else Pace.QUICK
        with _lock:
            _in_progress[pace] -= 1
            _known[server_id] = (shown, ended)
        _hint_next()


def await_look(crowded: CrowdedError, server_id: UUID) -> None:
    """Have a server that was turned away hinted when a look ends, unless it is slow.

    Call this when its lease is released and its timer set: a hint may be lost. Slow
    ones have their timers alone, so that they take no more of the threads' time.
    """
    if crowded.pace is Pace.SLOW:
        return
    now, request_id = time.monotonic(), tracing.get_request_id()
    _lines.join(crowded.pace, _name_waiter(server_id), now=now, request_id=request_id)
    with _lock:
        is_free = _find_wait(crowded.pace) is None
    if is_free:  # the last look has ended meanwhile
        _hint_next()


def _hint_next() -> None:
    """Hint the first in line for whom there is a slot: known to answer, then new."""
    with _lock:
        free = [each for each in (Pace.QUICK, Pace.NEW) if _find_wait(each) is None]
    for pace in free:
        called = _lines.call_next(pace, now=time.monotonic())
        if called is not None:
            waiter, request_id = called
            dispatch.hint_now(waiter.task, waiter.row_id, request_id=request_id)
            return


def _name_waiter(server_id: UUID) -> Waiter:
    return Waiter(dispatch.ADVANCE, str(server_id))


def _find_wait(pace: Pace) -> float | None:
    """Return the seconds until a look may find a slot, or None if there is one."""
    threads = settings.WORKER_THREADS
    for_all, for_unproven, for_slow = threads * 3 // 4, threads // 2, threads // 4
    slow = _in_progress[Pace.SLOW]
    if pace is Pace.SLOW and slow >= max(1, for_slow):
        count = sum(each is Pace.SLOW for each, _ in _known.values())
        wait = SECONDS[Pace.SLOW] * count / max(1, for_slow) / 2
        return min(max(_SOONEST, wait), _LATEST)
    is_unproven = pace is not Pace.QUICK
    if (is_unproven and slow + _in_progress[Pace.NEW] >= max(1, for_unproven)) or sum(
        _in_progress.values()
    ) >= max(1, for_all):
        return SECONDS[Pace.QUICK]
    return None


def _forget(now: float) -> None:
    """Forget what was not looked at for long. Seldom, because it reads them all."""
    global _last_forgot  # noqa: PLW0603 - one memory per process
    if now - _last_forgot < _FORGET_SECONDS / 10:
        return
    _last_forgot = now
    since = now - _FORGET_SECONDS
    for server_id in [pk for pk, (_, at) in _known.items() if at < since]:
        del _known[server_id]
