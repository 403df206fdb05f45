"""A worker and a web process that can start no thread any more."""

import contextlib
import resource
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.drill.service import Service
from servers.messaging import dispatch
from servers.models import Server
from tests.support.fleet import make_fleet, provision


@contextlib.contextmanager
def no_room(pid: int) -> Iterator[None]:
    """Leave a process no memory for another thread's stack."""
    status = Path(f"/proc/{pid}/status").read_text()
    size = int(status.split("VmSize:")[1].split()[0]) * 1024
    before = resource.prlimit(pid, resource.RLIMIT_AS)
    resource.prlimit(pid, resource.RLIMIT_AS, (size + 2**20, before[1]))
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_AS, before)


@pytest.mark.pure
def test_a_worker_without_threads_loses_nothing_and_goes_on(service: Service) -> None:
    _, first = service.call("POST", "/api/servers")
    service.wait_state("running", first["name"], seconds=60)  # its start is over
    (worker,) = service.processes("serverfleet --quiet worker")
    names = []
    with no_room(worker):
        for _ in range(12):
            status, row = service.call("POST", "/api/servers")
            assert status == 200
            names.append(row["name"])
        service.call("DELETE", f"/api/servers/{names[0]}")
        service.wait_state("running", names[1], seconds=60)
    service.wait_state("running", *names[1:], seconds=60)
    service.wait_state("stopped", names[0], seconds=60)
    assert "can't start new thread" in service.log()


@pytest.mark.django_db(transaction=True)
def test_a_process_without_threads_takes_what_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    make_fleet()
    monkeypatch.setattr(dispatch, "_outbox", None)

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    server = provision()
    assert Server.objects.get(pk=server.pk).state == "pending"
    assert "Could not start a thread for the hints" in caplog.text
    assert "Traceback" not in caplog.text
