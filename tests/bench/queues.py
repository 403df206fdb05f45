"""Pools that follow a queue: from a job to its create call, and many at once."""

import hashlib
import hmac
import json
import os
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import Any

import requests

from servers.drill.service import Service, wait_for
from tests.bench.scale import cpu_seconds_of
from tests.bench.table import Row, set_sandbox, world_of
from tests.queues.fakes.base import QueueFake
from tests.queues.fakes.drone import FakeDrone
from tests.queues.fakes.github import FakeGitHub
from tests.queues.fakes.github_base import show_time

JOBS = 25
POLL = 2.0
MANY = 1000
BOOT_SECONDS = 45
PLANS = "from tests.bench.planning import main; main()"


def measure_queues() -> Iterator[Row]:
    """From a job to its create call, 1,000 wanted at once, and 50 plans."""
    yield from measure_seen()
    yield from measure_wanted()
    yield from measure_plans()


def measure_seen() -> Iterator[Row]:
    """From a job that is queued to the create call, by a hook and by polls."""
    with Service() as service, FakeGitHub() as github, FakeDrone() as drone:
        set_sandbox(service, boot=3600, latency=0)
        call(service, "PATCH", "/api/templates/default", {"capacity": 1})
        follow(service, github, "github", {"self-hosted": "", "linux": ""}, poll=600)
        secret = call(service, "POST", "/api/queues/github/hook", None)["secret"]

        def queue_with_hook() -> None:
            job = github.add()
            github.jobs[job]["created_at"] = show_time(time.time())
            body = b'{"action": "queued", "workflow_job": {"id": %d}}' % job
            mac = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
            headers = {"X-Hub-Signature-256": f"sha256={mac}"}
            url = f"{service.url}/api/hooks/github"
            assert requests.post(url, body, headers=headers, timeout=5).ok

        p50 = measure_waits(service, queue_with_hook) * 1000
        yield ("job to create call with a hook, p50", f"{p50:.0f} ms", "1000 ms",
               f"{p50 / 1000:.2f}")  # fmt: skip
        labels = {"os": "linux", "arch": "amd64"}
        follow(service, drone, "drone", labels, poll=POLL)
        p50 = measure_waits(service, lambda: add_stage(drone))
        yield (f"job to create call with a poll of {POLL:g} s, p50", f"{p50:.2f} s",
               f"{POLL + 1:g} s", f"{p50 / (POLL + 1):.2f}")  # fmt: skip


def add_stage(drone: FakeDrone, count: int = 1) -> None:
    """Queue stages."""
    now = int(time.time())
    with drone.lock:
        for _ in range(count):
            drone.add(created=now, updated=now)


def measure_waits(service: Service, queue_job: Callable[[], None]) -> float:
    """Return the median of the seconds from a job to its create call."""
    chance, waits = random.Random(1), []
    world = world_of(service)

    def list_calls(since: float) -> list[float]:
        calls = world.calls()
        return [at for name, _, at in calls if name == "create" and at >= since]

    for _ in range(JOBS):
        # At any moment between two reads, and after the least time between them.
        time.sleep(1 + chance.uniform(0, POLL))
        began = time.time()
        queue_job()
        wait_for(partial(list_calls, began), 30)
        waits.append(list_calls(began)[0] - began)
    return statistics.median(waits[3:])  # the first ones warm up the processes


def measure_wanted() -> Iterator[Row]:
    """Have a pool want 1,000 servers at once, with a worker for each core."""
    cores = os.cpu_count() or 1
    service = Service(SERVERFLEET_WORKERS=str(cores))
    with service, FakeDrone() as drone:
        set_sandbox(service, boot=BOOT_SECONDS, latency=0.15)
        call(service, "PATCH", "/api/templates/default", {"capacity": 1})
        follow(service, drone, "drone", {"os": "linux", "arch": "amd64"}, poll=1)
        time.sleep(2)
        pids = {
            "workers": service.processes(" worker "),
            "web": service.processes("gunicorn"),
        }
        used = {name: cpu_seconds_of(each) for name, each in pids.items()}
        began = time.monotonic()
        add_stage(drone, MANY)
        world = world_of(service)
        wait_for(lambda: count_creates(world) >= MANY, 300)
        called = time.monotonic() - began
        wait_for(lambda: count_running(service) == MANY, 300)
        took = time.monotonic() - began
        cpu = (cpu_seconds_of(pids["workers"]) - used["workers"]) / MANY * 1000
        yield (f"a pool wants {MANY}, {BOOT_SECONDS} s boot, {cores} workers: all run",
               f"{took:.1f} s", "60 s", f"{took / 60:.2f}")  # fmt: skip
        yield (f"a pool wants {MANY}: the last create call", f"{called:.1f} s",
               "15 s", f"{called / 15:.2f}")  # fmt: skip
        yield (f"a pool wants {MANY}: CPU of the workers for each", f"{cpu:.1f} ms",
               "25 ms", f"{cpu / 25:.2f}")  # fmt: skip


def count_creates(world: Any) -> int:
    """Return how many create calls there were."""
    time.sleep(0.2)  # reading the log of calls takes CPU
    return world.count_recent("create", 0.0)  # type: ignore[no-any-return]


def count_running(service: Service) -> int:
    """Return how many servers run, by its database: a listing takes CPU."""
    time.sleep(0.1)
    path = service.data / "serverfleet.sqlite3"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        rows = database.execute(
            "SELECT COUNT(*) FROM servers_server WHERE state = 'running'"
        )
        return int(rows.fetchone()[0])


def measure_plans() -> Iterator[Row]:
    """Plan 50 pools with 5,000 jobs and 5,000 servers."""
    with Service() as service:
        pass  # its database is there now, and nothing else plans
    done = service.command("shell", "-v", "0", "-c", PLANS, seconds=600)
    assert done.returncode == 0, done.stderr
    for what, line in zip(
        ("one queue", "50 queues"), done.stdout.splitlines(), strict=True
    ):
        _, cpu, alone, together, writes = line.split()
        yield (f"planning 50 pools of {what}, 5000 jobs and servers: CPU",
               f"{float(cpu):.0f} ms", "200 ms", f"{float(cpu) / 200:.2f}")  # fmt: skip
        yield (f"planning 50 pools of {what}: queries that read", together,
               f"{alone} for one pool", "")  # fmt: skip
        yield (f"planning 50 pools of {what}: statements that write, for each",
               f"{float(writes):.1f}", "", "")  # fmt: skip


def follow(
    service: Service,
    fake: QueueFake,
    kind: str,
    labels: dict[str, str],
    *,
    poll: float,
) -> None:
    """Create a queue and its pool, both named like its kind."""
    options = {"poll": poll}
    if kind == "github":
        options["repositories"] = ["acme/app"]  # type: ignore[assignment]
    queue = {"name": kind, "kind": kind, "url": fake.url, "options": options}
    call(
        service, "POST", "/api/queues", {**queue, "credentials": {"token": "token-one"}}
    )
    pool = {"name": kind, "template": "default", "queue": kind, "labels": labels}
    call(service, "POST", "/api/pools", {**pool, "policy": {"max": MANY}})


def call(service: Service, method: str, path: str, body: Any) -> Any:
    """Call the API, and return what it answers."""
    status, answer = service.call(method, path, body)
    assert status < 300, json.dumps(answer)
    return answer
