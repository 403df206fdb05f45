"""How long a child has been silent or suspended, as seen by its supervisor.

Only time in which the supervisor itself ran counts, by the monotonic clock, and at most
a second for each look. So no child is late after the machine slept, the container was
frozen or the virtual machine was moved, since all processes were suspended together.
"""

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from serverfleet.run.pulse import COMPLAINT

# After this much silence a process is killed. The limit doubles each time, up to
# MAX_PATIENCE, and is reset once the process has worked for longer than the limit.
PATIENCE: Final = 15.0
MAX_PATIENCE: Final = 240.0
# A starting process gives no sign of life until its imports are done.
START_PATIENCE: Final = 30.0
# At most this counts for each look. If a look is late, everything was late.
MAX_COUNTED: Final = 1.0
_STOPPED: Final = "T"  # suspended by a signal; stopped by a debugger is "t"


class Clock:
    """The time in which this process itself ran."""

    def __init__(self, now: float) -> None:
        self._looked = now

    def count(self, now: float) -> float:
        """Return how many seconds of the time since the last call count."""
        passed, self._looked = now - self._looked, now
        return min(max(passed, 0.0), MAX_COUNTED)


@dataclass(slots=True)
class Watch:
    """One child: its pipe, its silence, and its suspended processes."""

    patience: float = PATIENCE  # 0: it is never killed
    is_pulsing: bool = False  # whether it gives signs of life through a pipe
    pipe: int | None = None
    has_spoken: bool = False
    silent: float = 0.0
    lived: float = 0.0
    worked: float = 0.0
    stopped: dict[int, float] = field(default_factory=dict)  # process id -> seconds
    factor: float = 1.0

    def open_pipe(self) -> int | None:
        """Start over, and return the pipe's end that the child writes to."""
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
        """Read the signs of life. Return why the child must be killed, or "".

        ``passed`` is how much of the time since the last look counts.
        """
        if self.pipe is None:
            return ""
        heard = b""
        # BlockingIOError: there was no sign.
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
        """Return a process that has been suspended for too long, and for how long.

        ``pid`` is the child. Its own children count as well. Works only on Linux.
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
        """How long the child may be silent now."""
        least = 0.0 if self.has_spoken else START_PATIENCE
        return min(MAX_PATIENCE, max(self.patience, least) * self.factor)

    def back_off(self) -> None:
        """Wait longer next time, after a kill for silence or suspension."""
        self.factor = min(MAX_PATIENCE / max(self.patience, 1.0), self.factor * 2)


def list_family(pid: int) -> Iterator[int]:
    """Yield a process and its descendants (only itself on systems without /proc)."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from list_family(int(child))


def is_stopped(pid: int) -> bool:
    """Tell whether a process was suspended by a signal."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    # The name, in brackets, can contain anything.
    return status.rpartition(")")[2].split()[:1] == [_STOPPED]
