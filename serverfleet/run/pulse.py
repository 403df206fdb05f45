"""Report to the watcher of this process, our supervisor or systemd, that it works.

Standard library only. If nothing watches the process, reporting does nothing.
"""

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Final

# The writing end of the supervisor's pipe. Each byte is a sign of life. Not a setting.
PIPE: Final = "FLEET_PULSE_FD"
# Which of its programs, or which unit, a process is. Its successor has the same slot.
SLOT: Final = "SERVERFLEET_PROCESS"
SUPERVISED: Final = "supervisor"
BEAT: Final = b"."
COMPLAINT: Final = b"!"


class Pulse:
    """The signs of life of one process. See sd_notify(3) for those sent to systemd."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._pipe = int(env[PIPE]) if env.get(PIPE, "").isdigit() else None
        self.is_supervised = env.get(SLOT, "").startswith(SUPERVISED)
        address = env.get("NOTIFY_SOCKET", "")
        # A name that starts with @ is an abstract socket of Linux.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        # The watchdog may be meant for a parent that passed on its environment.
        meant = env.get("WATCHDOG_PID") in {None, "", str(os.getpid())}
        self._watchdog = bool(address and meant and env.get("WATCHDOG_USEC"))
        if self._pipe is not None:
            try:
                os.set_blocking(self._pipe, False)
                os.set_inheritable(self._pipe, False)
            except OSError:  # the number came from another process
                self._pipe = None

    def beat(self) -> None:
        """Report that the process works. Never blocks, never fails."""
        self._write(BEAT)
        if self._watchdog:
            self._notify("WATCHDOG=1")

    def complain(self) -> None:
        """Report a hang, and ask to be stopped. Never blocks, never fails."""
        self._write(COMPLAINT)
        if self._watchdog:
            self._notify("WATCHDOG=trigger")

    def say_ready(self) -> None:
        """Report that the start is complete."""
        if self._address:
            self._notify("READY=1")
        self.beat()

    def _write(self, sign: bytes) -> None:
        if self._pipe is not None:
            # If the pipe is full, enough signs of life are waiting in it.
            with contextlib.suppress(OSError):
                os.write(self._pipe, sign)

    def _notify(self, message: str) -> None:
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as s,
        ):
            s.setblocking(False)
            s.sendto(message.encode(), self._address)
