"""Where no kernel ends the children of a dead supervisor, the guardian does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serverfleet.run.guardian import follow
from servers.drill.service import ROOT, wait_for

pytestmark = pytest.mark.pure

SUPERVISOR = """
import os, sys
from serverfleet.run.child import Program
from serverfleet.run.supervisor import Supervisor
# A child that has a child of its own, as gunicorn's master does.
shell = f"sleep 600 & echo $! > {sys.argv[1]}; wait"
program = Program("child", ["sh", "-c", shell])
supervisor = Supervisor([program], env=os.environ, bound_by_kernel=False)
supervisor.run(wait_for_broker=lambda: True)
"""


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_no_process_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(pid_file)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: pid_file.exists() and pid_file.read_text() != "", 20)
        pid = int(pid_file.read_text())
        assert is_running(pid)
        # The child can be quicker than the line that tells the guardian of it.
        time.sleep(1)
    finally:
        os.kill(supervisor.pid, signal.SIGKILL)
        supervisor.wait(20)
    wait_for(lambda: not is_running(pid), 10)


def test_a_child_that_has_ended_is_left_alone() -> None:
    assert follow(["+10\n", "+11\n", "-10\n", "+12\n", "-99\n"]) == {11, 12}
