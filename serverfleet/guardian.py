"""Ends the supervisor's children where the kernel does not: outside of Linux.

A process of its own holds the reading end of a pipe. However the supervisor ends, the
kernel closes the other end; the guardian reads that as the end of its input, and kills
the process groups that it was told of. Each child leads a group of its own.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable


class Guardian:
    """The supervisor's side: tells the guardian which groups to end."""

    def __init__(self) -> None:
        # A script by its path: it need not import the project. In a session of its
        # own Ctrl-C does not reach it.
        self._process = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, __file__],
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def watch(self, pid: int) -> None:
        """End this process group if the supervisor dies."""
        self._tell(f"+{pid}")

    def forget(self, pid: int) -> None:
        """Leave it alone: it has ended, and its number may be another's soon."""
        self._tell(f"-{pid}")

    def _tell(self, line: str) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        # A guardian that was killed must not take the service with it.
        with contextlib.suppress(OSError):
            pipe.write(f"{line}\n".encode())
            pipe.flush()


def follow(lines: Iterable[str]) -> set[int]:
    """Return the groups that are left once the lines end."""
    groups: set[int] = set()
    for line in lines:
        pid = int(line[1:])
        if line.startswith("+"):
            groups.add(pid)
        else:
            groups.discard(pid)
    return groups


def main() -> None:
    """Wait for the supervisor's end, then end what it left."""
    for pid in follow(sys.stdin):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)


if __name__ == "__main__":
    main()
