"""Run the processes of one machine: start, restart and stop them, and print one log.

Standard library only, one thread. On Linux, the kernel stops the children when the
supervisor dies, even by kill -9 (PR_SET_PDEATHSIG). Elsewhere a guardian does.

Processes that hang are killed and restarted like those that died: programs whose signs
of life have stopped, and suspended processes. See watch.py for how this is judged.
"""

import contextlib
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Final

from serverfleet.run.child import FIRST_WAIT, Child, Program
from serverfleet.run.guardian import Guardian
from serverfleet.run.pulse import SLOT, SUPERVISED
from serverfleet.run.watch import PATIENCE, Clock, Watch

# A child that died is restarted after FIRST_WAIT seconds. The wait doubles each time,
# up to MAX_WAIT, and is reset once the child has lived long enough. A child that exits
# on its own probably has a fault that will recur, unlike one that was killed from
# outside.
MAX_WAIT: Final = 15.0
MAX_WAIT_KILLED: Final = 1.0
LIVED_LONG: Final = 20.0
# Together less than ten seconds, within which Ctrl-C must stop everything.
STOP_SECONDS: Final = 4.0
STOP_BROKER_SECONDS: Final = 2.5
# How long to collect more lines after a first one. Otherwise each line of a busy
# service would cost a switch between two processes. A pipe buffers what comes
# meanwhile.
GATHER_SECONDS: Final = 0.01
# How often to look for suspended processes, and how long a hanging one has after
# SIGABRT to print where it hangs.
LOOK_SECONDS: Final = 1.0
ABORT_SECONDS: Final = 1.0


class Supervisor:
    """Keep programs running until SIGINT or SIGTERM."""

    def __init__(
        self,
        programs: Sequence[Program],
        *,
        env: Mapping[str, str],
        log: IO[str] = sys.stdout,
        bound_by_kernel: bool = sys.platform.startswith("linux"),
        patience: float = PATIENCE,
        name: str = "",
        note_end: Callable[[str], None] = lambda _: None,
    ) -> None:
        """``patience``: kill a program after this many seconds of silence; 0 is never.

        ``name`` distinguishes this supervisor from others on the machine. ``note_end``
        is called with a sentence for each program that ended unexpectedly.
        """
        self.name = name
        self.children = [
            Child(program, watch=Watch(patience, is_pulsing=program.pulses))
            for program in programs
        ]
        self.note_end = note_end
        self.clock, self.looked = Clock(time.monotonic()), time.monotonic()
        self.env = dict(env)
        self.log = log
        self.guardian = None if bound_by_kernel else Guardian()
        self.selector = selectors.DefaultSelector()
        self.stopping = False
        self.width = max(len(program.name) for program in programs)

    def run(self, *, wait_for_broker: Callable[[], bool]) -> None:
        """Start all programs and keep them until a signal. Return once all ended."""
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

    def _step(self, children: Sequence[Child], *, timeout: float = 0.2) -> None:
        now = time.monotonic()
        for child in children:
            if child.process is None and now >= child.start_at:
                self._start(child)
        self._read(timeout)
        passed = self.clock.count(time.monotonic())
        for child in children:
            if child.process is not None and child.process.poll() is not None:
                self._bury(child)
            elif child.process is not None:
                self._watch(child, passed)
        self._look_for_stopped()

    def _watch(self, child: Child, passed: float) -> None:
        """Kill a child that has been silent for too long."""
        if child.hung:
            if time.monotonic() >= child.kill_at:
                child.kill_group()
        elif why := child.watch.look(passed):
            self._end_hung(child, why)

    def _look_for_stopped(self) -> None:
        now = time.monotonic()
        passed = now - self.looked
        if passed < LOOK_SECONDS:
            return
        self.looked = now
        for child in self.children:
            # Killing a broker that hangs would not help.
            if child.process is None or child.hung or child.program.is_broker:
                continue
            pid = child.process.pid
            # A late look counts little: the whole machine may have been suspended.
            found = child.watch.look_for_stopped(pid, min(passed, 2 * LOOK_SECONDS))
            if found is None:
                continue
            stopped, seconds = found
            if stopped == pid:
                self._end_hung(child, f"was suspended for {seconds:.0f} s")
                continue
            name = f"Process {stopped} of {child.program.name}"
            self._tell_end(f"{name} was suspended for {seconds:.0f} s and was killed.")
            child.watch.stopped.pop(stopped, None)
            with contextlib.suppress(ProcessLookupError):
                os.kill(stopped, signal.SIGKILL)

    def _end_hung(self, child: Child, why: str) -> None:
        assert child.process is not None
        child.hung = why
        child.watch.back_off()
        child.kill_at = time.monotonic() + ABORT_SECONDS
        self._print("fleet", f"{child.program.name} {why}. Stopping it.")
        child.process.send_signal(signal.SIGABRT)

    def _tell_end(self, sentence: str) -> None:
        self._print("fleet", sentence)
        self.note_end(sentence)

    def _start(self, child: Child) -> None:
        env = self.env | {SLOT: f"{SUPERVISED}:{self.name}:{child.program.name}"}
        child.process = child.spawn(env, bound_by_kernel=self.guardian is None)
        if self.guardian:
            self.guardian.watch(child.process.pid)
        child.hung, child.started = "", time.monotonic()
        assert child.process.stdout is not None
        self.selector.register(child.process.stdout, selectors.EVENT_READ, child)

    def _bury(self, child: Child) -> None:
        assert child.process is not None
        code = child.process.returncode
        self._close(child)
        if self.stopping:
            return
        lived = time.monotonic() - child.started
        if lived > LIVED_LONG:
            child.wait = FIRST_WAIT
        ended = f"was killed by signal {-code}" if code < 0 else f"exited with {code}"
        name = child.program.name
        self._print("fleet", f"{name} {child.hung or ended}. Restarting it.")
        self.note_end(
            f"The process {name} {child.hung or ended}, {lived:.0f} s after its start. "
            "The supervisor restarts it."
        )
        child.start_at = time.monotonic() + child.wait
        most = MAX_WAIT if code >= 0 else MAX_WAIT_KILLED
        child.wait = min(most, child.wait * 2)

    def _close(self, child: Child) -> None:
        assert child.process is not None
        assert child.process.stdout is not None
        # Its own children would keep the port and answer beside the new process:
        # gunicorn's workers notice only a second later that their master is gone.
        child.kill_group()
        self._pump(child)
        if child.rest:
            self._print(child.program.name, child.rest.decode(errors="replace"))
            child.rest = b""
        with contextlib.suppress(KeyError):
            self.selector.unregister(child.process.stdout)
        child.process.stdout.close()
        child.watch.close()
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
                # Closed by the child. poll() notices its end.
                self.selector.unregister(key.fileobj)

    def _pump(self, child: Child) -> bool:
        """Print what a child wrote. Return False at the end of its output."""
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

    def _stop(self, children: Sequence[Child], *, seconds: float) -> None:
        self.stopping = True
        for child in children:
            if child.process is not None:
                child.process.send_signal(signal.SIGTERM)
        ends = time.monotonic() + seconds
        while any(child.runs() for child in children):
            if time.monotonic() >= ends:
                # Safe at any point: what they were doing is in the database.
                for child in children:
                    child.kill_group()
            self._read(0.05)
        for child in children:
            if child.process is not None:
                child.process.wait()
                self._close(child)
