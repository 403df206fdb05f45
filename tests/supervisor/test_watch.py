"""How silence is measured: in the supervisor's own time, and with growing patience."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serverfleet.run.pulse import PIPE, Pulse
from serverfleet.run.watch import (
    MAX_PATIENCE,
    PATIENCE,
    START_PATIENCE,
    Clock,
    Watch,
    is_stopped,
)
from servers.drill.service import ROOT, wait_for

pytestmark = pytest.mark.pure


def open_watch(patience: float = PATIENCE) -> tuple[Watch, Pulse]:
    watch = Watch(patience, is_pulsing=True)
    end = watch.open_pipe()
    return watch, Pulse({PIPE: str(end)})


def test_a_machine_that_slept_makes_nobody_late() -> None:
    clock = Clock(100.0)
    assert clock.count(100.2) == pytest.approx(0.2)
    # The lid was closed for an hour, or the container was frozen.
    assert clock.count(3700.2) == 1.0
    assert clock.count(3700.4) == pytest.approx(0.2)


def test_who_pulses_is_left_alone_and_who_falls_silent_is_not() -> None:
    watch, pulse = open_watch()
    for _ in range(200):
        pulse.beat()
        assert watch.look(1.0) == ""
    for _ in range(int(PATIENCE)):
        assert watch.look(1.0) == ""
    assert "did not respond for 16 s" in watch.look(1.0)
    watch.close()


def test_a_start_may_take_longer() -> None:
    watch, _ = open_watch()
    for _ in range(int(START_PATIENCE)):
        assert watch.look(1.0) == ""
    assert watch.look(1.0)
    watch.close()


def test_each_end_for_silence_doubles_the_patience_until_it_works_again() -> None:
    watch, pulse = open_watch()
    for factor in (1, 2, 4, 8, 16, 16):
        pulse.beat()
        assert watch.look(1.0) == ""
        assert watch.limit == min(PATIENCE * factor, MAX_PATIENCE)
        watch.back_off()
    for _ in range(int(MAX_PATIENCE) + 1):
        pulse.beat()
        watch.look(1.0)
    assert watch.limit == PATIENCE
    watch.close()


def test_who_says_that_it_hangs_is_ended_at_once_but_not_at_each_start() -> None:
    watch, pulse = open_watch()
    pulse.beat()
    watch.look(1.0)
    pulse.complain()
    assert watch.look(1.0) == ""
    for _ in range(int(PATIENCE)):
        pulse.beat()
        watch.look(1.0)
    pulse.beat()
    pulse.complain()
    assert watch.look(1.0) == "reported that it hangs"
    watch.close()


def test_no_patience_is_no_watch() -> None:
    watch = Watch(0.0, is_pulsing=True)
    assert watch.open_pipe() is None
    assert watch.look(1e9) == ""
    assert watch.look_for_stopped(os.getpid(), 1e9) is None


def test_a_full_pipe_blocks_nobody() -> None:
    watch, pulse = open_watch()
    for _ in range(100_000):
        pulse.beat()
    assert watch.look(1.0) == ""
    watch.close()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="there is no /proc")
def test_a_stopped_child_of_a_child_is_found_after_a_while() -> None:
    parent = subprocess.Popen(["sh", "-c", "sleep 600 & wait"])
    watch = Watch(PATIENCE)
    try:
        path = Path(f"/proc/{parent.pid}/task/{parent.pid}/children")
        wait_for(lambda: path.read_text().split(), 10)
        child = int(path.read_text())
        assert watch.look_for_stopped(parent.pid, 1.0) is None
        os.kill(child, signal.SIGSTOP)
        wait_for(lambda: is_stopped(child), 10)
        for _ in range(int(PATIENCE)):
            assert watch.look_for_stopped(parent.pid, 1.0) is None
        assert watch.look_for_stopped(parent.pid, 1.0) == (child, PATIENCE + 1)
        # Who went on meanwhile is counted anew.
        os.kill(child, signal.SIGCONT)
        wait_for(lambda: not is_stopped(child), 10)
        assert watch.look_for_stopped(parent.pid, 1.0) is None
    finally:
        os.kill(child, signal.SIGKILL)
        parent.wait(10)


# Its child pulses for a while, and hangs the first time in a way that no signal of
# Python's own can end.
SUPERVISOR = """
import os, sys
from serverfleet.run.child import Program
from serverfleet.run.supervisor import Supervisor
child = '''
import os, signal, sys, time
from serverfleet.run.pulse import Pulse
signal.signal(signal.SIGTERM, signal.SIG_IGN)
signal.signal(signal.SIGABRT, signal.SIG_IGN)
pulse = Pulse(os.environ)
starts = open(sys.argv[1], "a+")
starts.write(f"{os.getpid()} {os.environ['SERVERFLEET_PROCESS']}" + chr(10))
starts.flush()
starts.seek(0)
hangs = len(starts.readlines()) == 1
for _ in range(5):
    pulse.beat()
    time.sleep(0.1)
while True:
    hangs or pulse.beat()
    time.sleep(0.1)
'''
Supervisor(
    [Program("child", [sys.executable, "-c", child, sys.argv[1]], pulses=True)],
    env=os.environ,
    patience=1.0,
    name="test",
    note_end=lambda text: open(sys.argv[2], "a").write(text + chr(10)),
).run(wait_for_broker=lambda: True)
"""


def test_a_program_that_hangs_is_started_again_and_noted_once(tmp_path: Path) -> None:
    starts, notes = tmp_path / "starts", tmp_path / "notes"
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(starts), str(notes)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: starts.exists() and starts.read_text().count("\n") == 2, 30)
        time.sleep(3)  # it pulses, so nothing ends it
        lines = [line.split() for line in starts.read_text().splitlines()]
        assert len(lines) == 2
        assert {slot for _, slot in lines} == {"supervisor:test:child"}
        assert "child did not respond for 1 s" in notes.read_text()
        assert notes.read_text().count("\n") == 1
    finally:
        supervisor.terminate()
        supervisor.wait(20)
