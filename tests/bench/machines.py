"""Machines: what their keys cost, and how much those that hang delay the others."""

import asyncio
import json
import multiprocessing
import socket
import ssl
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec

from servers.drill.service import Service, wait_for
from servers.machine.certificates import issue_keys, name_server
from servers.machine.docker import DOCKER_PORT
from tests.bench.scale import ask
from tests.bench.table import Row, set_sandbox, world_of

SERVERS: Final = 200
HANGING: Final = 50
TURNS: Final = 2
# What is beside the servers whose time is measured.
ALONE: Final = "alone"
REFUSE: Final = "refuse"
HANG: Final = "hang"
HANG_LATE: Final = "are created then, and hang"
# From when all are looked at until the daemons answer, as Docker's installation.
INSTALL_SECONDS: Final = 8
ROUNDS: Final = 200

SET_UP: Final = """
from servers.models import Template
from servers.operations.templates import save_template
template = Template.objects.get()
template.cloud_init = template.readiness = "docker"
save_template(template)
"""
KEYS: Final = """
import json
from servers.models import Host
print("KEYS" + json.dumps([
    [host.server.address, host.daemon_cert + host.daemon_key]
    for host in Host.objects.select_related("server")]))
"""
READY: Final = """
import json
from servers.models import Event
rows = Event.objects.filter(kind="ready").values_list("server__address", "at")
print("KEYS" + json.dumps([[address, at.timestamp()] for address, at in rows]))
"""


def measure_machines() -> Iterator[Row]:
    """Yield the rows."""
    yield measure_keys()
    # In turn, because the machine's speed varies.
    took: dict[str, list[float]] = {ALONE: [], REFUSE: [], HANG: [], HANG_LATE: []}
    for _ in range(TURNS):
        for others, seconds in took.items():
            seconds.append(measure_readiness(others))
    alone = min(took[ALONE])
    for others in (HANG, HANG_LATE, REFUSE):
        beside = min(took[others])
        yield (
            f"{SERVERS - HANGING} servers ready beside {HANGING} that {others}",
            f"{beside:.2f} s after Docker answers",
            f"{alone:.2f} s {ALONE}; bar 1.2",
            f"{beside / alone:.2f}",
        )


def measure_keys() -> Row:
    """All keys of one server, and one bare key."""
    name, now = name_server(uuid4()), datetime.now(UTC)
    all_keys = find_cpu(lambda: issue_keys(name, now=now, days=365))
    bare = find_cpu(lambda: ec.generate_private_key(ec.SECP256R1()))
    return (
        "all keys and certificates of a server: CPU",
        f"{all_keys:.2f} ms, {all_keys / bare:.0f} bare keys",
        f"{bare * 1000:.0f} µs for a bare key; bar 1.5 ms",
        f"{all_keys / 1.5:.2f}",
    )


def find_cpu(act: Any) -> float:
    """Return the CPU time of one call in ms, in the best of five rounds."""
    best = float("inf")
    for _ in range(5):
        began = time.process_time()
        for _ in range(ROUNDS):
            act()
        best = min(best, (time.process_time() - began) / ROUNDS * 1000)
    return best


def measure_readiness(others: str) -> float:
    """Return how long servers take to run once their daemons answer, on average.

    Unless they are alone, ``others`` are beside them, whose ports refuse connections,
    or take them and hang. Those that are created late are looked at for the first time
    just when the daemons answer.
    """
    odd_ones, late = 0 if others == ALONE else HANGING, others == HANG_LATE
    count = SERVERS - HANGING + odd_ones
    addresses = [f"127.77.{number >> 8}.{number & 255}" for number in range(count)]
    good, odd = addresses[: SERVERS - HANGING], addresses[SERVERS - HANGING :]
    with Service(SERVERFLEET_WORKER_THREADS="16") as service, ExitStack() as stack:
        set_sandbox(service, boot=1, latency=0.0)
        run(service, SET_UP)
        # In order if late, otherwise mixed.
        mixed = addresses if late else [*odd, *good]
        world_of(service).give_addresses(*mixed)
        for address in () if others == REFUSE else odd:
            # Its queue takes connections, and nobody reads them.
            listener = socket.create_server((address, DOCKER_PORT), backlog=1024)
            stack.enter_context(listener)
        ask(service, count - HANGING if late else count)
        wait_for(lambda: set(service.states().values()) == {"staging"}, 60)
        pairs = dict(read(service, KEYS))
        time.sleep(INSTALL_SECONDS)
        daemons = multiprocessing.Process(
            target=serve, args=([(each, pairs[each]) for each in good],), daemon=True
        )
        if late:
            ask(service, HANGING)
            wait_for(lambda: set(service.states().values()) == {"staging"}, 60)
        daemons.start()
        began = time.time()
        try:
            wait_for(
                lambda: list(service.states().values()).count("running") == len(good),
                120,
            )
        finally:
            daemons.terminate()
            daemons.join()
        ready: dict[str, float] = dict(read(service, READY))
        return statistics.fmean(ready[each] - began for each in good)


def run(service: Service, code: str) -> str:
    """Run code in the service's shell, and return what it prints."""
    done = service.command("shell", "-v", "0", "-c", code)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def read(service: Service, code: str) -> list[tuple[str, Any]]:
    """Return the JSON that code prints after its mark."""
    found: list[tuple[str, Any]] = json.loads(run(service, code).partition("KEYS")[2])
    return found


def serve(pairs: list[tuple[str, str]]) -> None:
    """Be the Docker daemons at these addresses, each with its certificate and key."""
    contexts = {}
    with tempfile.TemporaryDirectory() as folder:
        for address, pem in pairs:
            path = Path(folder, address)
            path.write_text(pem)
            contexts[address] = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            contexts[address].load_cert_chain(path)
    asyncio.run(_serve(contexts))


async def _serve(contexts: dict[str, ssl.SSLContext]) -> None:
    servers = [
        await asyncio.start_server(_answer, address, DOCKER_PORT, ssl=context)
        for address, context in contexts.items()
    ]
    await asyncio.gather(*(each.serve_forever() for each in servers))


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            body = b"OK" if b" /_ping " in head else b'{"Version": "0.0"}'
            length = b"Content-Length: %d" % len(body)
            writer.write(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n\r\n" + body)
            await writer.drain()
    except (OSError, EOFError):
        writer.close()
