"""What a start keeps safe: the first credentials, the folder's privacy, the socket."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from serverfleet.run import data_folder
from serverfleet.run.data_folder import StartError, place_socket, prepare_socket
from servers.drill.service import ROOT, Service, wait_for

pytestmark = pytest.mark.pure


@pytest.fixture(scope="module")
def first() -> Iterator[Service]:
    """A service deep in a folder that others may enter. Its first start was refused."""
    service = Service()
    service.data.chmod(0o755)
    service.data = service.data / ("deep" * 30)
    service.data.mkdir(0o755)
    service.log_path = service.data / "service.log"
    service.env |= {
        "SERVERFLEET_DATA": str(service.data),
        "SERVERFLEET_WEB_WORKERS": "none",
    }
    refused = subprocess.run(
        [sys.executable, "-m", "serverfleet.run.up"],
        cwd=ROOT,
        env=service.env,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert refused.returncode == 1
    assert "SERVERFLEET_WEB_WORKERS is 'none'" in refused.stderr
    del service.env["SERVERFLEET_WEB_WORKERS"]
    service.log_path.touch()
    with service:
        yield service


def test_a_first_start_that_fails_loses_no_credentials(first: Service) -> None:
    assert first.token
    assert "Log-in     admin" in first.log()


def test_preparing_names_no_address_because_nothing_runs_there(
    tmp_path: Path,
) -> None:
    service = Service(SERVERFLEET_DATA=str(tmp_path))
    data_folder.prepare_folder(tmp_path, with_all_keys=True)
    said = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "serverfleet.run.up", "--prepare"],
            cwd=ROOT,
            env=service.env,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
        assert "The database is ready for ServerFleet" in done.stdout
        assert "curl" not in done.stdout
        assert "/login/" not in done.stdout
    assert "Log-in     admin" in said[0]
    assert "API token  sf_" in said[0]
    assert "Log-in" not in said[1]
    assert "createtoken NAME" in said[1]


def test_others_can_read_nothing_in_a_folder_that_they_may_enter(
    first: Service,
) -> None:
    # The style sheets and icons are public anyway; the log is the test's own.
    public = first.data / "static"
    open_to_others = [
        path
        for path in first.data.rglob("*")
        if not path.is_relative_to(public)
        and path != first.log_path
        and path.lstat().st_mode & 0o077
    ]
    assert open_to_others == []


def test_no_start_warns_of_our_own_settings(first: Service) -> None:
    first.wait_state("running", first.call("POST", "/api/servers")[1]["name"])
    assert "deprecat" not in first.log().lower()


def test_a_data_folder_may_lie_deep(first: Service) -> None:
    _, server = first.call("POST", "/api/servers")
    first.wait_state("running", server["name"])
    socket = place_socket(first.data, most=107)
    assert socket.parent == Path(f"/tmp/serverfleet-{os.getuid()}")
    assert stat.S_ISSOCK(socket.stat().st_mode)


def test_a_short_path_stays_in_the_data_folder(tmp_path: Path) -> None:
    assert place_socket(Path("/srv/fleet"), most=107) == Path("/srv/fleet/broker.sock")
    deep = Path("/srv") / ("x" * 200)
    assert place_socket(deep, most=107) == place_socket(deep, most=107)
    assert place_socket(deep, most=107) != place_socket(deep / "y", most=107)
    assert len(os.fsencode(place_socket(deep, most=107))) <= 107


@pytest.mark.parametrize("trap", ["open to others", "a link"])
def test_a_socket_folder_that_is_not_private_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trap: str
) -> None:
    home = tmp_path / "home"
    monkeypatch.setattr(data_folder, "_private_home", lambda: home)
    prepare_socket(home / "a.sock")
    assert home.stat().st_mode & 0o777 == 0o700
    if trap == "a link":
        home.rename(tmp_path / "elsewhere")
        home.symlink_to(tmp_path / "elsewhere")
    else:
        home.chmod(0o777)
    with pytest.raises(StartError, match="not private to this user"):
        prepare_socket(home / "a.sock")


def list_children(service: Service, words: str) -> list[int]:
    """Return the supervisor's children whose command line contains ``words``.

    The broker of a deep folder does not name the folder.
    """
    assert service.process is not None
    tasks = Path(f"/proc/{service.process.pid}/task").glob("*/children")
    children = [pid for task in tasks for pid in task.read_text().split()]
    return [
        int(pid)
        for pid in children
        if words in Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    ]


def test_ctrl_c_stops_within_ten_seconds_even_what_hangs(first: Service) -> None:
    # The last of this file, since it ends the service.
    for words in ("valkey", "quiet worker"):
        (pid,) = list_children(first, words)
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    assert first.stop(signal.SIGINT) == 0
    assert time.monotonic() - began < 10
    wait_for(lambda: not first.processes(), 2)
