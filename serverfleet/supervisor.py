"""Runs the processes of one machine: starts, restarts, stops, and prints one log.

Standard library only, one thread. On Linux the kernel ends the children when the
supervisor dies, kill -9 included (PR_SET_PDEATHSIG); elsewhere a guardian does.
"""

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Final

from serverfleet.guardian import Guardian

# After a child died it is started again after this, doubled up to the most, and from
# the first anew once it has lived long enough. One that ends by itself has a fault that
# will be there again; one that was killed from outside has not.
FIRST_WAIT: Final = 0.5
MOST_WAIT: Final = 15.0
MOST_WAIT_KILLED: Final = 1.0
LIVED_LONG: Final = 20.0
# Together below the ten seconds in which Ctrl-C must have stopped everything.
STOP_SECONDS: Final = 4.0
STOP_BROKER_SECONDS: Final = 2.5
# After a first line, how long more are let gather. Else a busy service would pay for a
# turn of two processes with each line; a pipe holds what comes meanwhile.
GATHER_SECONDS: Final = 0.01
_PR_SET_PDEATHSIG: Final = 1


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep running."""

    name: str
    argv: Sequence[str]
    # Started first and stopped last: the others need it.
    is_broker: bool = False
    # What the kernel sends it when the supervisor dies. gunicorn's workers have no such
    # bond with their master, so the master must have the time to end them.
    death_signal: signal.Signals = signal.SIGKILL


@dataclass(slots=True)
class _Child:
    program: Program
    process: "subprocess.Popen[bytes] | None" = None
    started: float = 0.0
    start_at: float = 0.0
    wait: float = FIRST_WAIT
    rest: bytes = b""


class Supervisor:
    """Keeps programs running until SIGINT or SIGTERM."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        env: Mapping[str, str],
        log: IO[str] = sys.stdout,
        bound_by_kernel: bool = sys.platform.startswith("linux"),
    ) -> None:
        self.children = [_Child(program) for program in programs]
        self.env = dict(env)
        self.log = log
        self.guardian = None if bound_by_kernel else Guardian()
        self.selector = selectors.DefaultSelector()
        self.stopping = False
        self.width = max(len(program.name) for program in programs)

    def run(self, *, wait_for_broker: Callable[[], bool]) -> None:
        """Start all and keep them until a signal; return when all have ended."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note_signal)
        brokers = [child for child in self.children if child.program.is_broker]
        others = [child for child in self.children if not child.program.is_broker]
        try:
            for child in brokers:
                self._start(child)
            self._wait(wait_for_broker, seconds=10)
            while not self.stopping:
                self._step(self.children)
        finally:
            self._stop(others, seconds=STOP_SECONDS)
            self._stop(brokers, seconds=STOP_BROKER_SECONDS)

    def _note_signal(self, number: int, _frame: object) -> None:
        self.stopping = True

    def _wait(self, ready: Callable[[], bool], *, seconds: float) -> None:
        ends = time.monotonic() + seconds
        while not self.stopping and not ready() and time.monotonic() < ends:
            self._step(
                [child for child in self.children if child.program.is_broker],
                timeout=0.02,
            )

    def _step(self, children: Sequence[_Child], *, timeout: float = 0.2) -> None:
        now = time.monotonic()
        for child in children:
            if child.process is None and now >= child.start_at:
                self._start(child)
        self._read(timeout)
        for child in children:
            if child.process is not None and child.process.poll() is not None:
                self._bury(child)

    def _start(self, child: _Child) -> None:
        child.process = subprocess.Popen(
            list(child.program.argv),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self.env,
            # Not in the terminal's group: Ctrl-C reaches the supervisor alone.
            start_new_session=True,
            preexec_fn=None
            if self.guardian
            else _bond(child.program.death_signal, os.getpid()),
        )
        if self.guardian:
            self.guardian.watch(child.process.pid)
        child.started = time.monotonic()
        assert child.process.stdout is not None
        os.set_blocking(child.process.stdout.fileno(), False)
        self.selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _bury(self, child: _Child) -> None:
        assert child.process is not None
        code = child.process.returncode
        self._close(child)
        if self.stopping:
            return
        if time.monotonic() - child.started > LIVED_LONG:
            child.wait = FIRST_WAIT
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
        self._print("fleet", f"{child.program.name} {ended}; starting it again.")
        child.start_at = time.monotonic() + child.wait
        most = MOST_WAIT if code >= 0 else MOST_WAIT_KILLED
        child.wait = min(most, child.wait * 2)

    def _close(self, child: _Child) -> None:
        assert child.process is not None
        assert child.process.stdout is not None
        # What it had started itself would keep the port, and answer beside the new
        # one: gunicorn's workers notice only a second later that their master is gone.
        _kill_group(child)
        self._pump(child)
        if child.rest:
            self._print(child.program.name, child.rest.decode(errors="replace"))
            child.rest = b""
        with contextlib.suppress(KeyError):
            self.selector.unregister(child.process.stdout)
        child.process.stdout.close()
        if self.guardian:
            self.guardian.forget(child.process.pid)
        child.process = None

    def _read(self, timeout: float) -> None:
        if not self.selector.get_map():
            time.sleep(timeout)
            return
        ready = self.selector.select(timeout)
        if ready:
            time.sleep(GATHER_SECONDS)
        for key, _ in ready:
            if not self._pump(key.data):
                # Closed by the child; its end is noticed by poll().
                self.selector.unregister(key.fileobj)

    def _pump(self, child: _Child) -> bool:
        """Print what a child wrote; False at the end of its output."""
        if child.process is None or child.process.stdout is None:
            return False
        while True:
            try:
                data = os.read(child.process.stdout.fileno(), 65536)
            except BlockingIOError:
                return True
            except OSError:
                return False
            if not data:
                return False
            *lines, child.rest = (child.rest + data).split(b"\n")
            if lines:
                texts = (line.decode(errors="replace") for line in lines)
                self._print(child.program.name, *texts)

    def _print(self, name: str, *lines: str) -> None:
        text = "".join(f"{name:<{self.width}} | {line}\n" for line in lines)
        with contextlib.suppress(OSError, ValueError):
            self.log.write(text)
            self.log.flush()

    def _stop(self, children: Sequence[_Child], *, seconds: float) -> None:
        self.stopping = True
        for child in children:
            if child.process is not None:
                child.process.send_signal(signal.SIGTERM)
        ends = time.monotonic() + seconds
        while any(_runs(child) for child in children):
            if time.monotonic() >= ends:
                # Safe at any line: what it was doing is in the database.
                for child in children:
                    _kill_group(child)
            self._read(0.05)
        for child in children:
            if child.process is not None:
                child.process.wait()
                self._close(child)


def _runs(child: _Child) -> bool:
    return child.process is not None and child.process.poll() is None


def _kill_group(child: _Child) -> None:
    if child.process is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.process.pid, signal.SIGKILL)


def _bond(death_signal: signal.Signals, parent: int) -> Callable[[], None]:
    """Return what a child does before it becomes its program, on Linux."""
    libc = ctypes.CDLL(None)

    def bond() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(death_signal))
        if os.getppid() != parent:  # it died before the bond was made
            os.kill(os.getpid(), signal.SIGKILL)

    return bond
