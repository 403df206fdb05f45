"""``make bench TRACE=file`` prints the bars of a pool's policy, or one line."""

import struct
import subprocess
import sys
from pathlib import Path

import pytest

from servers.drill.service import ROOT
from servers.lifecycle.replay.trace import make_trace

pytestmark = pytest.mark.pure


def run_bench(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.bench", "--trace", str(path)],
        cwd=ROOT,
        env={},  # as on a machine where nothing is set
        capture_output=True,
        text=True,
        timeout=60,
    )


def test_the_bars_of_a_trace_are_printed(tmp_path: Path) -> None:
    path = tmp_path / "day.dat"
    jobs = make_trace(jobs_per_day=100)
    path.write_bytes(
        b"".join(
            struct.pack(">II", int(job.queued_at * 1000), int(job.seconds * 1000))
            for job in jobs
        )
    )
    done = run_bench(path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("(bar ") >= 7
    assert "| of 25 jobs with a max of 15, run " in done.stdout


@pytest.mark.parametrize("content", [None, b"", b"no trace"[:5]])
def test_a_file_that_is_none_is_told_in_a_line(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "day.dat"
    if content is not None:
        path.write_bytes(content)
    done = run_bench(path)
    assert done.returncode == 2
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr
