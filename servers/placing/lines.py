"""Who waits for a call to an account, or for a look at an instance, in this process.

What finds all slots taken is turned away and comes back by its own timer, which is in
the database. The line saves the wait for that timer: when a call or a look ends, the
first in line is hinted. It is in memory alone, so a process that dies loses hints and
nothing else.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

# Who comes when a line is this long has its timer.
LONGEST: Final = 1000

_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Waiter:
    """What is hinted: the name of a task, and the id of its row."""

    task: str
    row_id: str


@dataclass(frozen=True, slots=True)
class _Place:
    request_id: str
    since: float  # uptime in seconds


class Lines(Generic[_Key]):
    """A line for each key. Safe to use from several threads.

    Whose timer ended long ago was hinted by a tick. So a place is given up after
    ``kept_seconds``, and no end of a call is spent on what is done already.
    """

    def __init__(self, *, kept_seconds: float) -> None:
        self._kept_seconds = kept_seconds
        self._lock = threading.Lock()
        self._lines: dict[_Key, OrderedDict[Waiter, _Place]] = {}

    def join(
        self,
        key: _Key,
        waiter: Waiter,
        *,
        now: float,
        request_id: str = "",
        first: bool = False,
    ) -> None:
        """Join the end of a line, or its beginning if ``first``.

        ``now`` is an uptime in seconds. Whoever is in the line keeps the place.
        """
        with self._lock:
            line = self._lines.setdefault(key, OrderedDict())
            if waiter not in line and len(line) >= LONGEST:
                return
            line[waiter] = _Place(request_id, now)
            if first:
                line.move_to_end(waiter, last=False)

    def leave(self, waiter: Waiter) -> None:
        """Leave all lines: there is a slot."""
        with self._lock:
            for key, line in list(self._lines.items()):
                if line.pop(waiter, None) is not None and not line:
                    del self._lines[key]

    def call_next(self, key: _Key, *, now: float) -> tuple[Waiter, str] | None:
        """Take the first out of a line: who it is, and its request's id."""
        with self._lock:
            line = self._lines.get(key)
            while line:
                waiter, place = line.popitem(last=False)
                if not line:
                    del self._lines[key]
                if now - place.since <= self._kept_seconds:
                    return waiter, place.request_id
        return None
