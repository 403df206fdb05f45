"""Many at once, and a web process that is killed among them."""

import http.client
import os
import signal
import threading
import time

from servers.drill.service import Service, wait_for
from tests.bench.table import set_sandbox
from tests.support.clients import client, find_broken_promises, run_all, soak

PARALLEL = 200
CLIENTS = 50
SECONDS = 4.0


def web_workers(service: Service) -> list[int]:
    """Return gunicorn's workers: those whose parent is its master."""
    pids = service.processes("gunicorn")
    found = []
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            parent = int(file.read().rpartition(")")[2].split()[1])
        if parent in pids:
            found.append(pid)
    return found


def test_two_hundred_posts_of_one_key_make_one_server_though_the_web_is_killed(
    service: Service,
) -> None:
    names: list[str] = []
    broken: list[str] = []
    may_go = threading.Barrier(PARALLEL + 1)

    def post(_number: int) -> None:
        with client(service) as mine:
            may_go.wait(30)
            ends = time.monotonic() + 60
            while time.monotonic() < ends:
                try:
                    status, server = mine.call(
                        "POST", "/api/servers", **{"Idempotency-Key": "build-4711"}
                    )
                except (OSError, http.client.HTTPException) as error:
                    broken.append(type(error).__name__)
                    time.sleep(0.05)
                    continue
                assert status == 200, server
                names.append(server["name"])
                return

    def kill() -> None:
        may_go.wait(30)
        for wait in (0.02, 0.3):
            time.sleep(wait)
            for pid in web_workers(service)[:1]:
                os.kill(pid, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    run_all(PARALLEL, post)
    killer.join()
    assert len(names) == PARALLEL
    assert len(set(names)) == 1
    assert broken  # the kill was felt
    wait_for(service.answers, 20)
    assert list(service.states()) == names[:1]
    # And once more, from a client that never got an answer.
    with client(service) as late:
        key = {"Idempotency-Key": "build-4711"}
        assert late.call("POST", "/api/servers", **key)[1]["name"] == names[0]


def test_fifty_clients_that_create_read_and_delete_are_told_the_truth(
    service: Service,
) -> None:
    set_sandbox(service)
    told = soak(service, clients=CLIENTS, seconds=SECONDS)
    print(told.total, dict(told.statuses))
    assert find_broken_promises(service, told) == []
    assert len(told.made) >= CLIENTS
