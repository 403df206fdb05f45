"""The units that ship, and what their watchdog is told."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from string import Template

import pytest

from serverfleet.run.pulse import Pulse
from servers.drill.service import ROOT, Service, free_port

UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


@pytest.fixture
def notices(tmp_path: Path) -> Iterator[socket.socket]:
    """A socket as systemd's own, which is told of what goes on."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(60)
        yield heard


def listen(heard: socket.socket, word: str) -> None:
    """Wait until a message of a process is heard."""
    while word not in heard.recv(4096).decode().splitlines():
        pass


def hush(heard: socket.socket) -> None:
    """Drop what was said, and expect silence for longer than between two reports."""
    time.sleep(1)  # on a busy machine a process is not suspended at once
    heard.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        while True:
            heard.recv(4096)
    heard.settimeout(3)
    with pytest.raises(TimeoutError):
        heard.recv(4096)
    heard.settimeout(60)


@pytest.mark.pure
@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="there is no systemd")
def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    assert len(UNITS) == 3
    # Its programs must be there for a check.
    for unit in UNITS:
        text = unit.read_text().replace("/opt/serverfleet", str(ROOT))
        (tmp_path / unit.name.replace("@", "@1")).write_text(
            text.replace("User=serverfleet", "User=root").replace(
                "EnvironmentFile=/etc", "EnvironmentFile=-/etc"
            )
        )
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *map(str, tmp_path.iterdir())],
        capture_output=True,
        text=True,
        timeout=60,
    )
    said = [line for line in done.stderr.splitlines() if "serverfleet" in line]
    assert said == []


@pytest.mark.pure
def test_a_watchdog_that_is_meant_for_another_is_told_nothing(
    notices: socket.socket,
) -> None:
    env = {"NOTIFY_SOCKET": str(notices.getsockname()), "WATCHDOG_USEC": "15000000"}
    Pulse(env | {"WATCHDOG_PID": str(os.getpid() + 1)}).beat()
    Pulse(env | {"WATCHDOG_PID": str(os.getpid())}).say_ready()
    assert notices.recv(100) == b"READY=1"
    assert notices.recv(100) == b"WATCHDOG=1"
    Pulse(env).complain()
    assert notices.recv(100) == b"WATCHDOG=trigger"


@pytest.mark.pure
def test_a_manager_that_is_gone_disturbs_nobody(tmp_path: Path) -> None:
    env = {"NOTIFY_SOCKET": str(tmp_path / "gone"), "WATCHDOG_USEC": "1"}
    Pulse(env).say_ready()
    Pulse({"NOTIFY_SOCKET": "@serverfleet-nobody"}).say_ready()


@pytest.mark.pure
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_each_unit_has_a_watchdog_and_is_started_again_for_ever(unit: Path) -> None:
    head, _, service = unit.read_text().partition("[Service]\n")
    assert "StartLimitIntervalSec=0\n" in head
    assert {"Restart=always", "WatchdogSec=15"} <= set(service.splitlines())


def read_command(unit: Path) -> list[str]:
    """Return what a unit starts, from this folder instead of /opt/serverfleet."""
    (line,) = re.findall("^ExecStart=(.+)$", unit.read_text(), re.MULTILINE)
    values = re.findall("^Environment=([A-Z_]+)=(.+)$", unit.read_text(), re.MULTILINE)
    line = Template(line).substitute(dict(values))
    return shlex.split(line.replace("/opt/serverfleet", str(ROOT)))


@pytest.mark.pure
def test_the_setting_for_threads_is_that_of_a_workers_unit() -> None:
    (worker,) = (unit for unit in UNITS if "worker" in unit.stem)
    text = worker.read_text()
    usual = text.index("\nEnvironment=SERVERFLEET_WORKER_THREADS=16\n")
    assert usual < text.index("\nEnvironmentFile=")
    assert " -c ${SERVERFLEET_WORKER_THREADS} " in text
    assert " -c 16 " in shlex.join(read_command(worker))


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    """A service, beside which a process of each kind is started by hand."""
    with Service() as service:
        yield service


@pytest.mark.pure
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_each_process_tells_systemd_until_it_is_suspended(
    notices: socket.socket, running: Service, unit: Path
) -> None:
    env = running.env | {
        "NOTIFY_SOCKET": str(notices.getsockname()),
        "WATCHDOG_USEC": "15000000",
        "SERVERFLEET_PROCESS": "serverfleet-test.service",
        "DJANGO_SETTINGS_MODULE": "serverfleet.settings",
        "SERVERFLEET_HTTPS": "0",
        "PORT": str(free_port()),
    }
    process = subprocess.Popen(
        read_command(unit),
        cwd=ROOT,
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        listen(notices, "READY=1")
        for _ in range(3):
            listen(notices, "WATCHDOG=1")
        os.kill(process.pid, signal.SIGSTOP)
        hush(notices)
        os.kill(process.pid, signal.SIGCONT)
        listen(notices, "WATCHDOG=1")
    finally:
        process.send_signal(signal.SIGCONT)
        process.terminate()
        process.wait(30)
