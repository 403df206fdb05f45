"""Who waits for a call to an account, in this process.

What finds an account's call slots taken is turned away and comes back by its own timer,
which is in the database. The line saves the wait for that timer: when a call ends, the
first in the account's line is hinted. It is in memory alone, so a process that dies
loses hints and nothing else.
"""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final
from uuid import UUID

# Who comes when a line is this long has its timer.
LONGEST: Final = 1000
# Whose timer ended this long ago was hinted by a tick. A place in a line is given up
# after this many seconds, so that no call's end is spent on what is done already.
KEPT_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Waiter:
    """What is hinted: the name of a task, and the id of its row."""

    task: str
    row_id: str


@dataclass(frozen=True, slots=True)
class _Place:
    request_id: str
    since: float  # uptime in seconds


class CallLines:
    """A line for each account. Safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: dict[UUID, OrderedDict[Waiter, _Place]] = {}

    def join(
        self,
        account: UUID,
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
            line = self._lines.setdefault(account, OrderedDict())
            if waiter not in line and len(line) >= LONGEST:
                return
            line[waiter] = _Place(request_id, now)
            if first:
                line.move_to_end(waiter, last=False)

    def leave(self, waiter: Waiter) -> None:
        """Leave all lines: there is a slot."""
        with self._lock:
            for account, line in list(self._lines.items()):
                if line.pop(waiter, None) is not None and not line:
                    del self._lines[account]

    def call_next(self, account: UUID, *, now: float) -> tuple[Waiter, str] | None:
        """Take the first out of a line: who it is, and its request's id."""
        with self._lock:
            line = self._lines.get(account)
            while line:
                waiter, place = line.popitem(last=False)
                if not line:
                    del self._lines[account]
                if now - place.since <= KEPT_SECONDS:
                    return waiter, place.request_id
        return None
