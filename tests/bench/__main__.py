"""Run the benchmarks against the service as ``make run`` starts it.

Each figure is the median of ROUNDS. Bare rates vary with the machine, so the table
gives ratios to a baseline measured in the same run.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from functools import partial
from itertools import chain

from servers.clouds.sandbox.world import World
from servers.drill.service import Service, wait_for
from tests.bench.hostile import measure_hostile
from tests.bench.machines import measure_machines
from tests.bench.pages import measure_pages
from tests.bench.pools import measure_pools
from tests.bench.queues import measure_queues
from tests.bench.rates import measure_rates
from tests.bench.scale import cpu_seconds_of, measure_hanging, measure_scale
from tests.bench.table import Row, print_table, set_sandbox, world_of

ROUNDS = 5
BOOT_SECONDS = 45


def main() -> None:
    """Print the table. With a file of jobs, only what depends on it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--trace", default="", help="a file of jobs to replay")
    trace = parser.parse_args().trace
    if trace:
        try:
            rows = list(measure_pools(trace))
        except (OSError, ValueError) as error:
            parser.error(str(error))
        print_table(rows)
        return
    rows = []
    for row in chain(
        measure_latency(),
        measure_fleet(200),
        measure_fleet(1000),
        measure_scale(),
        measure_hanging(),
        measure_machines(),
        measure_rates(),
        measure_hostile(),
        measure_pages(),
        measure_pools(""),
        measure_queues(),
    ):
        rows.append(row)
        # The whole takes a quarter of an hour.
        print(f"{row[0]}: {row[1]} ({row[3]})", file=sys.stderr, flush=True)
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
        # The first few requests warm up the processes.
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
    """Return the times of the create calls after a given time."""
    return [at for name, _, at in world.calls() if name == "create" and at >= since]


def measure_fleet(size: int) -> Iterator[Row]:
    """Servers with a boot of 45 s: one worker, no cap."""
    with Service(SERVERFLEET_WORKER_THREADS="16") as service:
        set_sandbox(service, boot=BOOT_SECONDS, latency=0.15)
        time.sleep(2)
        world = world_of(service)
        workers = service.processes(" worker ")
        before, used = len(world.calls()), cpu_seconds_of(workers)
        began = time.monotonic()
        for _ in range(size // 100):
            assert service.call("POST", "/api/servers", {"count": 100})[0] == 200
        wait_for(lambda: set(service.states().values()) == {"running"}, 300)
        took = time.monotonic() - began
        cpu = (cpu_seconds_of(workers) - used) / size * 1000
        calls = (len(world.calls()) - before) / size
        yield (
            f"{size} servers, {BOOT_SECONDS} s boot, all running",
            f"{took:.1f} s",
            f"{BOOT_SECONDS} s boot; bar 60 s",
            f"{took / BOOT_SECONDS:.2f}",
        )
        yield (
            f"{size} servers: CPU of the worker for each",
            f"{cpu:.1f} ms",
            "25 ms",
            f"{cpu / 25:.2f}",
        )
        yield (
            f"{size} servers: API calls for each",
            f"{calls:.2f}",
            "1.5",
            f"{calls / 1.5:.2f}",
        )


if __name__ == "__main__":
    main()
