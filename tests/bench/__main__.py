"""Run the benchmarks against the service as ``make run`` starts it.

Each figure is the median of ROUNDS. Bare rates swing with the machine, so the table
gives ratios to a baseline that was measured in the same run.
"""

import http.client
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from servers.clouds.sandbox.world import World
from servers.drill.service import ROOT, Service, free_port, wait_for
from tests.bench.scale import measure_hanging, measure_scale
from tests.bench.table import Row, print_table, set_sandbox, world_of

ROUNDS = 5
CLIENTS = 8
SECONDS = 2.0
FLEET = 200
BOOT_SECONDS = 45
LISTED = 1000


def main() -> None:
    """Print the table."""
    rows = [
        *measure_latency(),
        *measure_fleet(),
        *measure_scale(),
        *measure_hanging(),
        *measure_rates(),
    ]
    print_table(rows)


def measure_latency() -> Iterator[Row]:
    """POST to the cloud's create call, on an idle service."""
    with Service() as service:
        set_sandbox(service, latency=0)
        wait_for(lambda: list((service.data / "sandbox").glob("*.sqlite3")), 20)
        world = world_of(service)
        waits = []
        for _ in range(60):
            began = time.time()
            status, _ = service.call("POST", "/api/servers")
            assert status == 200
            wait_for(partial(calls_since, world, began), 20)
            waits.append((calls_since(world, began)[0] - began) * 1000)
            time.sleep(0.3)
        # The first few warm the processes up.
        waits = sorted(waits[5:])
        p50 = statistics.median(waits)
        p99 = waits[int(len(waits) * 0.99)]
        yield ("POST to create call, p50", f"{p50:.1f} ms", "50 ms", f"{p50 / 50:.2f}")
        yield (
            "POST to create call, p99",
            f"{p99:.1f} ms",
            "250 ms",
            f"{p99 / 250:.2f}",
        )


def calls_since(world: World, since: float) -> list[float]:
    """Return the times of the create calls after a time."""
    return [at for name, _, at in world.calls() if name == "create" and at >= since]


def measure_fleet() -> Iterator[Row]:
    """200 servers with a boot of 45 s: one worker, no cap."""
    with Service(SERVERFLEET_WORKER_THREADS="16") as service:
        set_sandbox(service, boot=BOOT_SECONDS, latency=0.15)
        time.sleep(2)
        world = world_of(service)
        before = len(world.calls())
        began = time.monotonic()
        for _ in range(FLEET // 100):
            assert service.call("POST", "/api/servers", {"count": 100})[0] == 200
        wait_for(lambda: set(service.states().values()) == {"running"}, 180)
        took = time.monotonic() - began
        calls = (len(world.calls()) - before) / FLEET
        yield (
            f"{FLEET} servers, {BOOT_SECONDS} s boot, all running",
            f"{took:.1f} s",
            f"{BOOT_SECONDS} s boot; bar 60 s",
            f"{took / BOOT_SECONDS:.2f}",
        )
        yield ("API calls per server", f"{calls:.2f}", "1.5", f"{calls / 1.5:.2f}")


def measure_rates() -> Iterator[Row]:
    """POST per second with the worker stopped; GET of 1,000 servers."""
    with Service(SERVERFLEET_LOG_LEVEL="INFO") as service, bare_server() as bare:
        set_sandbox(service)
        for pid in service.processes("quiet worker") + service.processes("quiet beat"):
            os.kill(pid, signal.SIGSTOP)
        ours = ("127.0.0.1", service.port, service.token)
        post = median_rate(lambda: rate(ours, "POST"))
        base = median_rate(lambda: rate(bare, "POST"))
        yield (
            "POST /api/servers (worker stopped)",
            f"{post:.0f}/s",
            f"{base:.0f}/s bare",
            f"{post / base:.3f}",
        )
        trim = (
            "from servers.models import Server; "
            f"keep = list(Server.objects.values_list('pk', flat=True)[:{LISTED}]); "
            "Server.objects.exclude(pk__in=keep).delete(); "
            "print(Server.objects.count())"
        )
        done = service.command("shell", "-v", "0", "-c", trim)
        count = int(done.stdout)
        while count < LISTED:
            step = min(100, LISTED - count)
            assert service.call("POST", "/api/servers", {"count": step})[0] == 200
            count += step
        get = median_rate(lambda: rate(ours, "GET"))
        base = median_rate(lambda: rate(bare, "GET"))
        yield (
            f"GET /api/servers of {LISTED}",
            f"{get:.1f}/s",
            f"{base:.0f}/s bare",
            f"{get / base:.3f}",
        )


@contextmanager
def bare_server() -> Iterator[tuple[str, int, str]]:
    """Serve the bare application under the same gunicorn."""
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="sfb-", dir="/tmp"))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "tests.bench.bare",
             "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread",
             "--workers", "2", "--threads", "4", "--no-control-socket"],
            cwd=ROOT, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        wait_for(lambda: answers(port), 20)
        yield "127.0.0.1", port, ""
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    """Tell whether a server answers on a port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def median_rate(measure: Callable[[], float]) -> float:
    """Return the median of ROUNDS."""
    return statistics.median(measure() for _ in range(ROUNDS))


def rate(target: tuple[str, int, str], method: str) -> float:
    """Return requests per second of CLIENTS clients with connections kept alive."""
    host, port, token = target
    counts: list[int] = []
    ends = time.monotonic() + SECONDS

    def run() -> None:
        connection = http.client.HTTPConnection(host, port, timeout=30)
        done = 0
        while time.monotonic() < ends:
            connection.request(
                method, "/api/servers", headers={"Authorization": f"Bearer {token}"}
            )
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 200, answer.status
            done += 1
        connection.close()
        counts.append(done)

    threads = [threading.Thread(target=run) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


if __name__ == "__main__":
    main()
