"""How long a child has been silent or stopped, as its supervisor has seen it itself.

Counted is the time in which the supervisor itself ran, by the monotonic clock, and of
each look at most a second. So a machine that slept, a container that was frozen and a
virtual machine that was moved make nobody late: all of them stood still together.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from serverfleet.pulse import COMPLAINT

# Silence that ends a process; doubled each time that it was ended for it, up to the
# most, and the first again once it has worked for as long as it took.
PATIENCE: Final = 15.0
MOST_PATIENCE: Final = 240.0
# A start says nothing until its imports are done.
START_PATIENCE: Final = 30.0
# Of each look, what counts. One that was late was so with all others.
MOST_COUNTED: Final = 1.0
_STOPPED: Final = "T"  # by a signal; a debugger's stop is a "t"


class Clock:
    """The time in which this process ran itself."""

    def __init__(self, now: float) -> None:
        self._looked = now

    def count(self, now: float) -> float:
        """Return how much of the time since the last call counts; in seconds."""
        passed, self._looked = now - self._looked, now
        return min(max(passed, 0.0), MOST_COUNTED)


@dataclass(slots=True)
class Watch:
    """One child: its pipe, its silence, and what of it is stopped."""

    patience: float = PATIENCE  # 0: it is never ended
    is_pulsing: bool = False  # whether it says that it lives, by a pipe
    pipe: int | None = None
    has_spoken: bool = False
    silent: float = 0.0
    lived: float = 0.0
    worked: float = 0.0
    stopped: dict[int, float] = field(default_factory=dict)  # process id -> seconds
    factor: float = 1.0

    def open_pipe(self) -> int | None:
        """Begin anew; return the end that the child writes to."""
        self.close()
        self.has_spoken, self.silent, self.lived, self.worked = False, 0.0, 0.0, 0.0
        self.stopped.clear()
        if not self.is_pulsing or not self.patience:
            return None
        self.pipe, end = os.pipe()
        os.set_blocking(self.pipe, False)
        return end

    def close(self) -> None:
        """Close the reading end."""
        if self.pipe is not None:
            os.close(self.pipe)
            self.pipe = None

    def look(self, passed: float) -> str:
        """Read what came; return why it must be ended, or "".

        ``passed`` is what counts of the time since the last look.
        """
        if self.pipe is None:
            return ""
        heard = b""
        # BlockingIOError: nothing came.
        with contextlib.suppress(OSError):
            heard = os.read(self.pipe, 4096)
        self.lived += passed
        if COMPLAINT in heard and self.lived > self.limit:
            return "reported that it hangs"
        if heard:
            self.has_spoken, self.silent = True, 0.0
            self.worked += passed
            if self.worked > self.limit:
                self.factor = 1.0
            return ""
        self.silent += passed
        if self.silent <= self.limit:
            return ""
        return f"did not respond for {self.silent:.0f} s"

    def look_for_stopped(self, pid: int, passed: float) -> tuple[int, float] | None:
        """Return a process of a child's that has been stopped for too long, and how.

        ``pid`` is the child; its own children count as well. Linux alone tells.
        """
        if not self.patience:
            return None
        now = {
            each: self.stopped.get(each, 0.0) + passed
            for each in list_family(pid)
            if is_stopped(each)
        }
        self.stopped = now
        limit = self.patience * self.factor
        return next(((each, s) for each, s in now.items() if s > limit), None)

    @property
    def limit(self) -> float:
        """How long it may be silent now."""
        least = 0.0 if self.has_spoken else START_PATIENCE
        return min(MOST_PATIENCE, max(self.patience, least) * self.factor)

    def back_off(self) -> None:
        """Be more patient: it was ended for its silence, or its stop."""
        self.factor = min(MOST_PATIENCE / max(self.patience, 1.0), self.factor * 2)


def list_family(pid: int) -> Iterator[int]:
    """Yield a process and all that descend from it, where Linux tells."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from list_family(int(child))


def is_stopped(pid: int) -> bool:
    """Tell whether a process was stopped by a signal."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    # The name, in brackets, may hold anything.
    return status.rpartition(")")[2].split()[:1] == [_STOPPED]
