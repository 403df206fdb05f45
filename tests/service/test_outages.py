"""Database, broker and disk fail for a while: clear answers, and nothing is lost."""

import contextlib
import os
import signal
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from servers.drill.postgresql import PostgreSQL
from servers.drill.service import Service, wait_for

OUTAGE_SECONDS = 30
STOPPED_SECONDS = 60
PATHS = ("/api/servers", "/api/servers/nobody", "/api/leaks", "/varz", "/metrics")
PAGES = ("/servers/", "/leaks/", "/admin/", "/login/")


@pytest.mark.slow
@pytest.mark.postgresql
@pytest.mark.timeout(400)
def test_a_database_that_is_gone_is_answered_in_a_sentence_and_all_goes_on() -> None:
    server = PostgreSQL(durable=True)
    server.start()
    try:
        with Service(DATABASE_URL=server.create_database()) as service:
            _, made = service.call("POST", "/api/servers", {"count": 5})
            names = [entry["name"] for entry in made]
            before = {word: service.processes(word) for word in ("beat", "worker")}
            os.kill(server.pid, signal.SIGQUIT)
            wait_for(server.is_down, 20)
            ends = time.monotonic() + OUTAGE_SECONDS
            check_unavailable(service)
            assert service.call("GET", "/healthz")[0] == 200
            time.sleep(max(0.0, ends - time.monotonic()))
            server.run()
            wait_for(lambda: service.call("GET", "/api/servers")[0] == 200, 30)
            assert set(names) <= set(service.states())
            _, late = service.call("POST", "/api/servers")
            service.wait_state("running", *names, late["name"], seconds=90)
            # By themselves: no process was started anew.
            assert before == {word: service.processes(word) for word in before}
    finally:
        server.stop()


def check_unavailable(service: Service) -> None:
    for path in PATHS:
        began = time.monotonic()
        status, answer = service.call("GET", path)
        assert status == 503, (path, status, answer)
        assert "database is not responding" in answer["message"]
        assert time.monotonic() - began < 10
    assert service.call("POST", "/api/servers")[0] == 503
    assert service.call("DELETE", "/api/servers/some")[0] == 503
    for path in PAGES:
        status, text, retry_after = fetch_page(service, path)
        # The form to log in asks for nothing, if nobody is.
        assert status == 503 or path == "/login/", (path, status, text[:300])
        if status == 503:
            assert "database is not responding" in text
            assert retry_after
        assert "Traceback" not in text


def fetch_page(service: Service, path: str) -> tuple[int, str, str]:
    """Return status, text and Retry-After of a page, asked for with a session."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{service.port}{path}",
        headers={"Cookie": "sessionid=0123456789abcdef0123456789abcdef"},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as shown:
            return shown.status, shown.read().decode(), ""
    except urllib.error.HTTPError as error:
        wait = error.headers["Retry-After"] or ""
        return error.code, error.read().decode(), wait


@pytest.mark.slow
@pytest.mark.postgresql
@pytest.mark.timeout(400)
def test_a_broker_stopped_for_a_minute_killed_and_emptied_loses_nothing(
    database_env: dict[str, str],
) -> None:
    with Service(**database_env) as service:
        (pid,) = service.processes("valkey")
        names = []
        os.kill(pid, signal.SIGSTOP)
        ends = time.monotonic() + STOPPED_SECONDS
        for _ in range(5):
            status, server = service.call("POST", "/api/servers")
            assert status == 200
            names.append(server["name"])
        assert service.call("DELETE", f"/api/servers/{names[0]}")[0] == 200
        time.sleep(max(0.0, ends - time.monotonic()))
        os.kill(pid, signal.SIGKILL)
        broker = redis.Redis(unix_socket_path=str(service.data / "broker.sock"))

        def emptied() -> bool:
            with contextlib.suppress(redis.RedisError):
                return bool(broker.flushall())
            return False

        wait_for(emptied, 30)
        service.wait_state("running", *names[1:], seconds=90)
        service.wait_state("stopped", names[0], seconds=60)


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """A disk of its own for a folder; none where this user may mount none."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "none", str(folder)]
    done = subprocess.run(mount, capture_output=True)
    if done.returncode:
        pytest.xfail("this user may mount no disk; the test in-process stands for it")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


@pytest.mark.slow
@pytest.mark.sqlite
def test_a_full_disk_refuses_in_a_sentence_and_all_goes_on_when_there_is_room() -> None:
    path = Path(f"/tmp/sfdisk-{os.getpid()}")
    with small_disk(path) as folder, Service(SERVERFLEET_DATA=str(folder)) as service:
        _, first = service.call("POST", "/api/servers")
        service.wait_state("running", first["name"])
        filler = folder / "filler"
        fill(filler)
        statuses = {}
        for _ in range(200):
            status, answer = service.call("POST", "/api/servers")
            statuses[status] = answer
            if status != 200:
                break
        assert set(statuses) <= {200, 503}, statuses
        assert "disk is full" in statuses[503]["message"]
        assert service.call("GET", "/api/servers")[0] == 200
        filler.unlink()
        count = count_rows(service)
        assert count["servers"] == count["requests"]
        wait_for(lambda: service.call("POST", "/api/servers")[0] == 200, 30)
        service.wait_state("running", *service.states(), seconds=120)


def fill(filler: Path) -> None:
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)


def count_rows(service: Service) -> dict[str, int]:
    """Return how many servers there are, and how many were asked for in the events."""
    code = (
        "from servers.models import Event, Server; "
        "print(Server.objects.count(), Event.objects.filter(kind='requested').count())"
    )
    done = service.command("shell", "-v", "0", "-c", code)
    assert done.returncode == 0, done.stderr
    servers, requests = map(int, done.stdout.split())
    return {"servers": servers, "requests": requests}
