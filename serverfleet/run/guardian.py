"""Stop the supervisor's children if it dies, on systems other than Linux.

A separate process has the reading end of a pipe. However the supervisor ends, the
kernel closes the other end. The guardian then reads the end of its input, and kills the
process groups that it was told to watch. Each child leads its own group.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable


class Guardian:
    """The supervisor's side: tell the guardian which groups to kill."""

    def __init__(self) -> None:
        # Run as a script, so it need not import the project. In its own session,
        # Ctrl-C does not reach it.
        self._process = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def watch(self, pid: int) -> None:
        """Kill this process group if the supervisor dies."""
        self._tell(f"+{pid}")

    def forget(self, pid: int) -> None:
        """Forget this group: it has ended, and its number may be reused soon."""
        self._tell(f"-{pid}")

    def _tell(self, line: str) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        # If the guardian was killed, the service must keep running.
        with contextlib.suppress(OSError):
            pipe.write(f"{line}\n".encode())
            pipe.flush()


def follow(lines: Iterable[str]) -> set[int]:
    """Return the groups that are left when the input ends."""
    groups: set[int] = set()
    for line in lines:
        pid = int(line[1:])
        if line.startswith("+"):
            groups.add(pid)
        else:
            groups.discard(pid)
    return groups


def main() -> None:
    """Wait until the supervisor ends, then kill what it left running."""
    for pid in follow(sys.stdin):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
