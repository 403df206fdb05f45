"""systemd accepts the units that instances get.

Running them needs a machine that systemd has booted, which a CI's is not.
"""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from servers.machine.callback.tokens import Callback, make_token
from servers.machine.cloud_init.callback import build_callback
from servers.machine.cloud_init.docker import build_docker
from servers.machine.cloud_init.parts import join_parts
from servers.machine.cloud_init.setup import Setup
from tests.machine.rendering import FULL, KEYS

pytestmark = pytest.mark.pure


def verify(folder: Path, name: str) -> str:
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", name],
        cwd=folder,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{folder}:"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    lines = done.stderr.splitlines()
    return "\n".join(each for each in lines if name in each)


def test_systemd_accepts_each_unit(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze")
    callback = Callback("https://fleet.example.com", make_token())
    part = join_parts(
        (
            build_docker(Setup(kind="docker", **FULL), KEYS, installs=True),
            build_callback(callback, has_docker=True, has_agent=True),
        )
    )
    units = {each.name: each.content for each in part.units}
    assert {"serverfleet-callback.service", "serverfleet-prune.timer"} <= set(units)
    program = shutil.which("true")
    for name, text in units.items():
        # What they start is not on this machine.
        lines = [
            f"ExecStart={program}" if line.startswith("ExecStart=/") else line
            for line in text.splitlines()
        ]
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    whole = [name for name in units if "/" not in name]
    assert {name: verify(tmp_path, name) for name in whole} == dict.fromkeys(whole, "")
    # It says what is wrong.
    (tmp_path / "odd.service").write_text("[Service]\nExecStrt=/bin/true\n")
    assert "odd.service" in verify(tmp_path, "odd.service")
