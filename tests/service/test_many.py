"""Several workers and beats on one fleet, and one of them dies."""

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from servers.clouds.sandbox import World
from servers.drill.postgresql import PostgreSQL
from servers.drill.service import Service, free_port, wait_for
from tests.support.celery import WORKER, running

SERVERS = 20


@contextmanager
def running_broker() -> Iterator[str]:
    """A broker on a TCP port, as many machines have it."""
    from serverfleet.run.up import find_broker

    port = free_port()
    process = subprocess.Popen(
        [find_broker(), "--port", str(port), "--save", "", "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize(
    "broker",
    [
        # Each broker and each database once: neither knows of the other.
        pytest.param("embedded", marks=pytest.mark.postgresql),
        pytest.param("tcp", marks=pytest.mark.sqlite),
    ],
)
def test_two_workers_and_two_beats_make_each_server_once(
    database_env: dict[str, str], postgresql: PostgreSQL | None, broker: str
) -> None:
    if broker == "embedded":
        check(Service(**database_env))
        return
    with running_broker() as url:
        check(Service(**database_env, REDIS_URL=url))


def check(service: Service) -> None:
    with (
        service,
        running(service, *WORKER) as second,
        running(service, "beat", "--pidfile="),
    ):
        _, made = service.call("POST", "/api/servers", {"count": SERVERS})
        names = [server["name"] for server in made]
        wait_for(lambda: set(service.states().values()) != {"pending"}, 20)
        os.kill(second.pid, signal.SIGKILL)
        service.wait_state("running", *names, seconds=90)
        (path,) = (service.data / "sandbox").glob("*.sqlite3")
        world = World(path)
        count = Counter(row.tags["serverfleet-server"] for row in world.instances())
        world.close()
        assert len(count) == SERVERS
        for name in names:
            service.call("DELETE", f"/api/servers/{name}")
        service.wait_state("stopped", *names, seconds=90)
