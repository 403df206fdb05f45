"""A program that dies is started again, and nothing of the old one stays."""

import subprocess
import sys
from pathlib import Path

import pytest

from servers.drill.service import ROOT, wait_for

pytestmark = pytest.mark.pure

# The program starts a child of its own, notes both, and dies the first time.
SUPERVISOR = """
import os, sys
from serverfleet.run.child import Program
from serverfleet.run.supervisor import Supervisor
notes = sys.argv[1]
shell = f"sleep 600 & echo $$ $! >> {notes}; [ $(wc -l < {notes}) = 1 ] || wait"
Supervisor([Program("child", ["sh", "-c", shell])], env=os.environ).run(
    wait_for_broker=lambda: True
)
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_what_a_program_had_started_ends_with_it(
    tmp_path: Path,
) -> None:
    notes = tmp_path / "notes"
    supervisor = subprocess.Popen(
        [sys.executable, "-c", SUPERVISOR, str(notes)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for(lambda: notes.exists() and notes.read_text().count("\n") == 2, 20)
        (_, old), (_, new) = (line.split() for line in notes.read_text().splitlines())
        assert not Path(f"/proc/{old}/cwd").exists()
        assert Path(f"/proc/{new}/cwd").exists()
    finally:
        supervisor.terminate()
        supervisor.wait(20)
    assert not Path(f"/proc/{new}/cwd").exists()
