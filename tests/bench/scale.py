"""A large fleet: the cost of a tick, of idling, and of a hang for others."""

import os
import statistics
import time
from collections.abc import Iterator

from servers.drill.service import Service, wait_for
from tests.bench.table import Row, set_sandbox, world_of

RUNNING = 1000
MOVING = 100
IDLE_SECONDS = 60
BATCH = 100
SERVERS = 20
ROUNDS = 5

TICKS = """
import statistics, time
from servers import reconciler
from servers.messaging import dispatch
dispatch._send = lambda *hint: None
took = []
for _ in range(15):
    began = time.perf_counter()
    reconciler.tick()
    took.append(time.perf_counter() - began)
    time.sleep(0.3)
print("TICK", statistics.median(took) * 1000, max(took) * 1000)
"""
HANGING = """
from servers.models import Account, Template, TemplatePlacement
from servers.operations.accounts import save_account
from servers.operations.templates import save_template
account = save_account(Account(name="hanging", kind="sandbox", max_servers=100,
    options={"faults": {"timeout_before": 1.0}, "hang": 9.0}))
save_template(Template(name="hanging"), [
    TemplatePlacement(account=account, image="debian-12", size="small")])
"""


def measure_scale() -> Iterator[Row]:
    """1,000 running servers: idle, and with 100 others changing."""
    with Service() as service:
        set_sandbox(service, boot=0.5, latency=0.0)
        names = ask(service, RUNNING)
        wait_for(lambda: set(service.states().values()) == {"running"}, 240)
        assert len(names) == RUNNING
        time.sleep(45)  # until the last duplicate hints are processed
        world = world_of(service)
        calls, used = len(world.calls()), cpu_seconds(service)
        began = time.monotonic()
        time.sleep(IDLE_SECONDS)
        took = time.monotonic() - began
        share = (cpu_seconds(service) - used) / took * 100
        each_minute = (len(world.calls()) - calls) / took * 60
        yield (
            f"{RUNNING} running, idle: CPU of all processes",
            f"{share:.2f} % of a core",
            "3 %",
            f"{share / 3:.2f}",
        )
        yield (
            f"{RUNNING} running, idle: API calls a minute",
            f"{each_minute:.1f}",
            "2",
            f"{each_minute / 2:.2f}",
        )
        set_sandbox(service, boot=3600, latency=0.0)
        ask(service, MOVING)
        wait_for(lambda: list(service.states().values()).count("created") > 0, 30)
        done = service.command("shell", "-v", "0", "-c", TICKS)
        assert done.returncode == 0, done.stderr
        median, most = (float(part) for part in done.stdout.split()[1:3])
        yield (
            f"a tick with {RUNNING} running and {MOVING} in motion",
            f"{median:.1f} ms (most {most:.1f})",
            "100 ms",
            f"{median / 100:.2f}",
        )


def measure_hanging() -> Iterator[Row]:
    """Time to ready in one account, alone and while another account's calls hang."""
    with Service() as service:
        set_sandbox(service, boot=5)
        alone = statistics.median(time_to_ready(service) for _ in range(ROUNDS))
        done = service.command("shell", "-v", "0", "-c", HANGING)
        assert done.returncode == 0, done.stderr
        ask(service, 30, template="hanging")
        time.sleep(3)
        beside = statistics.median(time_to_ready(service) for _ in range(ROUNDS))
        yield (
            f"{SERVERS} servers ready while another cloud hangs",
            f"{beside:.1f} s",
            f"{alone:.1f} s alone; bar 1.2",
            f"{beside / alone:.2f}",
        )


def time_to_ready(service: Service) -> float:
    """Return the seconds until SERVERS new servers run; terminate them."""
    began = time.monotonic()
    names = ask(service, SERVERS)
    service.wait_state("running", *names, seconds=120)
    took = time.monotonic() - began
    for name in names:
        service.call("DELETE", f"/api/servers/{name}")
    service.wait_state("stopped", *names, seconds=60)
    return took


def ask(service: Service, count: int, **wishes: str) -> list[str]:
    """Create servers in batches, and return their names."""
    names: list[str] = []
    while len(names) < count:
        body = {"count": min(BATCH, count - len(names)), **wishes}
        status, rows = service.call("POST", "/api/servers", body)
        assert status == 200, rows
        names += [row["name"] for row in rows]
    return names


def cpu_seconds(service: Service) -> float:
    """Return the CPU time of a service's processes, in seconds."""
    return cpu_seconds_of(service.processes())


def cpu_seconds_of(pids: list[int]) -> float:
    """Return the CPU time of processes and their children, in seconds."""
    ticks = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            parts = file.read().rpartition(")")[2].split()
        ticks += sum(int(part) for part in parts[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")
