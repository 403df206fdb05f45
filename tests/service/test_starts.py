"""What a start keeps safe: the first credentials, the folder's privacy, the socket."""

import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serverfleet.run import datafolder
from serverfleet.run.datafolder import StartError, place_socket, prepare_socket
from servers.drill.service import ROOT, Service, wait_for

pytestmark = pytest.mark.pure


def test_a_first_start_that_fails_loses_no_credentials(
    database_env: dict[str, str],
) -> None:
    service = Service(**database_env, SERVERFLEET_WEB_WORKERS="none")
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
    with service:
        assert service.token
        assert "Log-in     admin" in service.log()


def test_others_can_read_nothing_in_a_folder_that_they_may_enter(
    database_env: dict[str, str],
) -> None:
    service = Service(**database_env)
    service.data.chmod(0o755)
    service.log_path.touch()  # the test's own
    with service:
        # The style sheets and icons are public anyway; the log is the test's own.
        public = service.data / "static"
        open_to_others = [
            path
            for path in service.data.rglob("*")
            if not path.is_relative_to(public)
            and path != service.log_path
            and path.lstat().st_mode & 0o077
        ]
    assert open_to_others == []


def test_a_data_folder_may_lie_deep(database_env: dict[str, str]) -> None:
    service = Service(**database_env)
    service.data = service.data / ("deep" * 30)
    service.env["SERVERFLEET_DATA"] = str(service.data)
    with service:
        _, server = service.call("POST", "/api/servers")
        service.wait_state("running", server["name"])
        socket = place_socket(service.data, most=107)
        assert socket.parent == Path(f"/tmp/serverfleet-{os.getuid()}")
        assert stat.S_ISSOCK(socket.stat().st_mode)


def test_ctrl_c_stops_within_ten_seconds_even_what_hangs(service: Service) -> None:
    for words in ("valkey", "quiet worker"):
        (pid,) = service.processes(words)
        os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    assert service.stop(signal.SIGINT) == 0
    assert time.monotonic() - began < 10
    wait_for(lambda: not service.processes(), 2)


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
    monkeypatch.setattr(datafolder, "_private_home", lambda: home)
    prepare_socket(home / "a.sock")
    assert home.stat().st_mode & 0o777 == 0o700
    if trap == "a link":
        home.rename(tmp_path / "elsewhere")
        home.symlink_to(tmp_path / "elsewhere")
    else:
        home.chmod(0o777)
    with pytest.raises(StartError, match="not private to this user"):
        prepare_socket(home / "a.sock")
