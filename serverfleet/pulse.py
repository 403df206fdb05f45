"""Tells whoever watches this process that it works: our supervisor, or systemd.

Standard library only. A process that nobody watches says it to nobody, at no cost.
"""

import contextlib
import os
import socket
from collections.abc import Mapping
from typing import Final

# The writing end of a pipe of the supervisor's: a byte is a sign of life. No setting.
PIPE: Final = "FLEET_PULSE_FD"
# Which of its programs, or which unit, a process is: its successor has the same.
SLOT: Final = "SERVERFLEET_PROCESS"
SUPERVISED: Final = "supervisor"
BEAT: Final = b"."
COMPLAINT: Final = b"!"


class Pulse:
    """The signs of life of one process; see sd_notify(3) for those to systemd."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self._pipe = int(env[PIPE]) if env.get(PIPE, "").isdigit() else None
        self.is_supervised = env.get(SLOT, "").startswith(SUPERVISED)
        address = env.get("NOTIFY_SOCKET", "")
        # A name that begins with @ is one of Linux's abstract ones.
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        # The watchdog may be meant for another: a parent that has handed on its
        # environment.
        meant = env.get("WATCHDOG_PID") in {None, "", str(os.getpid())}
        self._watchdog = bool(address and meant and env.get("WATCHDOG_USEC"))
        if self._pipe is not None:
            try:
                os.set_blocking(self._pipe, False)
                os.set_inheritable(self._pipe, False)
            except OSError:  # the number is another process's
                self._pipe = None

    def beat(self) -> None:
        """Say that the work goes on. Never blocks, never fails."""
        self._write(BEAT)
        if self._watchdog:
            self._notify("WATCHDOG=1")

    def complain(self) -> None:
        """Say that it hangs, and ask to be ended. Never blocks, never fails."""
        self._write(COMPLAINT)
        if self._watchdog:
            self._notify("WATCHDOG=trigger")

    def say_ready(self) -> None:
        """Say that the start is over."""
        if self._address:
            self._notify("READY=1")
        self.beat()

    def _write(self, sign: bytes) -> None:
        if self._pipe is not None:
            # Where the pipe is full, enough signs of life wait in it.
            with contextlib.suppress(OSError):
                os.write(self._pipe, sign)

    def _notify(self, message: str) -> None:
        with (
            contextlib.suppress(OSError),
            socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as s,
        ):
            s.setblocking(False)
            s.sendto(message.encode(), self._address)
