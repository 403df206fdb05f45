"""The database is the queue: hints may be doubled, lost, late, or flushed."""

import os
import signal
import time
from contextlib import suppress

import pytest
import redis

from servers.drill.service import Service, wait_for


def broker_of(service: Service) -> "redis.Redis":
    return redis.Redis(unix_socket_path=str(service.data / "broker.sock"))


def test_a_server_runs_and_ends_over_the_api(shared: Service) -> None:
    began = time.monotonic()
    status, server = shared.call("POST", "/api/servers")
    print(f"POST: {(time.monotonic() - began) * 1000:.0f} ms")
    assert (status, server["state"]) == (200, "pending")
    shared.wait_state("running", server["name"])
    _, shown = shared.call("GET", f"/api/servers/{server['name']}")
    assert shown["id"]
    assert shown["address"]
    assert shared.call("DELETE", f"/api/servers/{server['name']}")[0] == 200
    shared.wait_state("stopped", server["name"])


@pytest.mark.sqlite
def test_post_answers_without_a_broker_and_the_server_runs_once_it_is_back(
    shared: Service,
) -> None:
    # Stopped and not killed: a broker that hangs is worse than one that is gone.
    (pid,) = shared.processes("valkey")
    os.kill(pid, signal.SIGSTOP)
    try:
        times = []
        names = []
        for _ in range(4):
            began = time.monotonic()
            status, server = shared.call("POST", "/api/servers")
            times.append(time.monotonic() - began)
            assert status == 200
            names.append(server["name"])
        print(f"POST with a hung broker: {max(times):.2f} s at most")
        assert max(times) < 1.0
    finally:
        os.kill(pid, signal.SIGCONT)
    shared.wait_state("running", *names)


@pytest.mark.sqlite
def test_post_answers_without_a_worker_and_the_server_runs_once_it_is_back(
    shared: Service,
) -> None:
    (pid,) = shared.processes("quiet worker")
    os.kill(pid, signal.SIGSTOP)
    try:
        _, server = shared.call("POST", "/api/servers")
        time.sleep(2)
        assert shared.states()[server["name"]] == "pending"
    finally:
        # On a busy machine the supervisor may have replaced it by now.
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)
    shared.wait_state("running", server["name"])


@pytest.mark.sqlite
def test_flushall_loses_nothing(shared: Service) -> None:
    names = []
    broker = broker_of(shared)
    for _ in range(8):
        names.append(shared.call("POST", "/api/servers")[1]["name"])
        broker.flushall()
    shared.wait_state("running", *names)
    for name in names:
        shared.call("DELETE", f"/api/servers/{name}")
        broker.flushall()
    shared.wait_state("stopped", *names)


def test_doubled_messages_make_one_server(shared: Service) -> None:
    from celery import Celery

    _, server = shared.call("POST", "/api/servers")
    # As the current app, it would take the place of the service's in later tests.
    broker = f"redis+socket://{shared.data}/broker.sock"
    sender = Celery(broker=broker, set_as_current=False)
    sender.conf.task_default_queue = "serverfleet"
    wait_for(shared.states, 5)
    pk = find_pk(shared, server["name"])
    for _ in range(50):
        sender.send_task("servers.tasks.advance", args=[pk], ignore_result=True)
    shared.wait_state("running", server["name"])
    shown = shared.call("GET", f"/api/servers/{server['name']}")[1]
    assert shown["id"]
    assert attempts_of(shared, pk) == "1"


def shell(service: Service, code: str) -> str:
    done = service.command("shell", "-v", "0", "-c", code)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def find_pk(service: Service, name: str) -> str:
    return shell(
        service,
        "from servers.models import Server; "
        f"print(Server.objects.get(name={name!r}).pk)",
    )


def attempts_of(service: Service, pk: str) -> str:
    return shell(
        service,
        "from servers.models import Attempt; "
        f"print(Attempt.objects.filter(server_uid={pk!r}).count())",
    )
