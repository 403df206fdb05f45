"""One program of the supervisor, and the process that runs it."""

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from serverfleet.run.pulse import PIPE
from serverfleet.run.watch import Watch

FIRST_WAIT: Final = 0.5  # seconds until the first restart
_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep running."""

    name: str
    argv: Sequence[str]
    # Started first and stopped last, since the others need it.
    is_broker: bool = False
    # The signal from the kernel when the supervisor dies. gunicorn's workers get none
    # when their master dies, so the master needs time to stop them.
    death_signal: signal.Signals = signal.SIGKILL
    # Whether it writes a sign of life to the pipe of pulse.py every few seconds.
    pulses: bool = False


@dataclass(slots=True)
class Child:
    """A program and its process, if it runs."""

    program: Program
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    start_at: float = 0.0
    wait: float = FIRST_WAIT
    rest: bytes = b""
    watch: Watch = field(default_factory=Watch)
    hung: str = ""  # why it is being killed
    kill_at: float = 0.0

    def spawn(
        self, env: Mapping[str, str], *, bound_by_kernel: bool
    ) -> "subprocess.Popen[bytes]":
        """Start its process and return it. Its output does not block the reader."""
        pipe = self.watch.open_pipe()
        process = subprocess.Popen(
            list(self.program.argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env if pipe is None else {**env, PIPE: str(pipe)},
            pass_fds=() if pipe is None else (pipe,),
            # Not in the terminal's group, so Ctrl-C reaches only the supervisor.
            start_new_session=True,
            preexec_fn=_bond(self.program.death_signal, os.getpid())
            if bound_by_kernel
            else _drop_core,
        )
        if pipe is not None:
            os.close(pipe)
        assert process.stdout is not None
        os.set_blocking(process.stdout.fileno(), False)
        return process

    def runs(self) -> bool:
        """Tell whether its process has not ended."""
        return self.process is not None and self.process.poll() is None

    def kill_group(self) -> None:
        """Kill its process and what that started."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)


def _drop_core() -> None:
    """Disable core dumps: SIGABRT would write one, with keys in it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _bond(death_signal: signal.Signals, parent: int) -> Callable[[], None]:
    """Return what a child runs on Linux before it becomes its program."""
    libc = ctypes.CDLL(None)

    def bond() -> None:
        _drop_core()
        libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # it died before prctl took effect
            os.kill(os.getpid(), signal.SIGKILL)

    return bond
