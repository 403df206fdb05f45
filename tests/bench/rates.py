"""Requests per second of the API beside a bare application under the same gunicorn.

Servers have 8 kB, with real PEM material. While reads are measured, one row changes
every second. Token, log and all middleware are on.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from servers.drill.postgresql import MissingServerError, PostgreSQL
from servers.drill.service import ROOT, Service, free_port, wait_for
from tests.bench.client import Target, measure, measure_in_turn
from tests.bench.table import Row, set_sandbox

SIZES = (100, 1000, 5000)
BARS = {100: 0.35, 1000: 1.0, 5000: 1.0}
MEMORY_MB = 350
POST_BARS = {"SQLite": 150, "PostgreSQL": 250}

FILL = """
from datetime import UTC, datetime
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from servers.models import Server, Template, TemplateVersion
def make(name):
    key = rsa.generate_private_key(65537, 2048)
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    cert = (x509.CertificateBuilder().subject_name(who).issuer_name(who)
        .public_key(key.public_key()).serial_number(x509.random_serial_number())
        .not_valid_before(datetime(2026, 1, 1)).not_valid_after(datetime(2036, 1, 1))
        .sign(key, hashes.SHA256()))
    pem = serialization.Encoding.PEM
    return (key.private_bytes(pem, serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption()).decode(),
            cert.public_bytes(pem).decode())
ca, tls = make("ca"), make("agent")
version = TemplateVersion.objects.select_related("template").first()
now = datetime.now(UTC)
have = Server.objects.count()
Server.objects.bulk_create([Server(
    name=f"bench-{number:05}", provider="sandbox", image="ubuntu-24.04", size="small",
    region="", capacity=2, account=version.placements.get().account,
    template=version.template,
    recipe=version, state="running", instance_id=f"sb-{number:012}",
    address="10.0.0.1", secret="s" * 32, ca_key=ca[0], ca_cert=ca[1], tls_key=tls[0],
    tls_cert=tls[1], created_at=now, updated_at=now, started_at=now)
    for number in range(have, COUNT)], batch_size=200)
print("FILLED", Server.objects.count())
"""


def measure_rates() -> Iterator[Row]:
    """Yield the rates of reads and writes on SQLite, and of writes on PostgreSQL."""
    with Service(**UNLIMITED) as service:
        still(service)
        yield from measure_reads(service)
    with Service(**UNLIMITED) as service:
        still(service)
        yield from measure_posts(service, "SQLite")
    yield measure_posts_by_rows()
    server = PostgreSQL()
    try:
        server.start()
    except MissingServerError as error:
        print(f"PostgreSQL is left out: {error}")
        return
    try:
        with Service(DATABASE_URL=server.url(), **UNLIMITED) as service:
            still(service)
            yield from measure_posts(service, "PostgreSQL")
    finally:
        server.stop()


# What is measured is the work, not the limit on it; with lines as a collector of logs
# takes them.
UNLIMITED = {
    "SERVERFLEET_RATE_TOKEN": "0",
    "SERVERFLEET_RATE_ADDRESS": "0",
    "SERVERFLEET_LOG_FORMAT": "json",
    "SERVERFLEET_HANG_SECONDS": "0",  # what is stopped stays stopped
}


def still(service: Service) -> None:
    """Stop worker and beat, so that only the web processes work."""
    set_sandbox(service)
    for pid in service.processes("quiet worker") + service.processes("quiet beat"):
        os.kill(pid, signal.SIGSTOP)


def measure_reads(service: Service) -> Iterator[Row]:
    """Yield lists of all sizes, a 304 and one server, each with its baseline."""
    web = service.processes("gunicorn")
    fill(service, SIZES[0])
    status, rows = service.call("GET", "/api/servers?limit=1")
    assert status == 200
    with bare_server(rows[0], service.env) as (port, bare), changing(service):
        for size in SIZES:
            fill(service, size)
            ours = Target(service.port, "GET", "/api/servers", token=service.token)
            base = Target(port, "GET", f"/list?{size}")
            yield compare(f"list of {size}", ours, web, base, bare, BARS[size])
    with bare_server(rows[0], service.env) as (port, bare):
        etag = read_etag(service, "/api/servers")
        known = Target(
            service.port,
            "GET",
            "/api/servers",
            304,
            token=service.token,
            headers=(f"If-None-Match: {etag}",),
        )
        base = Target(port, "GET", "/304", 304)
        yield compare("304 of the list", known, web, base, bare, 0.2)
        one = Target(
            service.port, "GET", "/api/servers/bench-00050", token=service.token
        )
        yield compare("one server", one, web, Target(port, "GET", "/one"), bare, 0.2)
    status, made = service.call(
        "POST", "/api/tokens", {"name": "reader", "scopes": ["servers:read"]}
    )
    assert status in {200, 201}, made
    for token in (service.token, made["token"]) * 2:
        measure(Target(service.port, "GET", "/api/servers", token=token), web)
    most = max(resident_mb(pid) for pid in web)
    yield (
        f"memory of a web process, {SIZES[-1]} servers, with and without secrets",
        f"{most:.0f} MB",
        f"{MEMORY_MB} MB",
        f"{most / MEMORY_MB:.2f}",
    )


def measure_posts(service: Service, database: str) -> Iterator[Row]:
    """Yield how many servers are accepted per second."""
    rate = measure(post_to(service), service.processes("gunicorn"))
    bar = POST_BARS[database]
    yield (
        f"POST /api/servers on {database} (worker stopped)",
        f"{rate.each_second:.0f}/s, {rate.cpu_ms:.2f} ms CPU each",
        f"bar {bar}/s",
        f"{rate.each_second / bar:.2f}",
    )


def post_to(service: Service) -> Target:
    """Return the request that creates a server from the default template."""
    return Target(service.port, "POST", "/api/servers", token=service.token)


def measure_posts_by_rows() -> Row:
    """Return the rate of POSTs with many rows beside that with few, in turn."""
    few, many = SIZES[0], SIZES[-1]
    with Service(**UNLIMITED) as base, Service(**UNLIMITED) as full:
        for service, count in ((full, many), (base, few)):
            still(service)
            fill(service, count)
        mine, plain, ratio = measure_in_turn(
            post_to(full),
            full.processes("gunicorn"),
            post_to(base),
            base.processes("gunicorn"),
        )
    return (
        f"POST /api/servers on SQLite with {many} servers",
        f"{mine.each_second:.0f}/s, {mine.cpu_ms:.2f} ms CPU each",
        f"{plain.each_second:.0f}/s with {few}; bar 0.9",
        f"{ratio:.2f}, by CPU {plain.cpu_ms / mine.cpu_ms:.2f}",
    )


def compare(
    what: str,
    ours: Target,
    web: list[int],
    base: Target,
    bare: list[int],
    bar: float,
) -> Row:
    """Return both rates and their ratio."""
    mine, plain, ratio = measure_in_turn(ours, web, base, bare)
    return (
        f"GET: {what}",
        f"{mine.each_second:.0f}/s, {mine.cpu_ms:.2f} ms CPU each",
        f"{plain.each_second:.0f}/s bare, {plain.cpu_ms:.2f} ms; bar {bar}",
        f"{ratio:.2f}, by CPU {plain.cpu_ms / mine.cpu_ms:.2f}",
    )


def fill(service: Service, count: int) -> None:
    """Create this many servers of 8 kB each."""
    done = service.command("shell", "-v", "0", "-c", f"COUNT = {count}\n{FILL}")
    assert f"FILLED {count}" in done.stdout, done.stderr


@contextmanager
def changing(service: Service) -> Iterator[None]:
    """Change one row every second."""
    over = threading.Event()

    def run() -> None:
        capacity = 1
        while not over.wait(1.0):
            capacity = capacity % 9 + 1
            body = {"capacity": capacity}
            status, _ = service.call("PATCH", "/api/servers/bench-00001", body)
            assert status == 200

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def bare_server(
    row: dict[str, Any], env: dict[str, str]
) -> Iterator[tuple[int, list[int]]]:
    """Serve the bare application, and yield its port and processes."""
    port = free_port()
    folder = Path(tempfile.mkdtemp(prefix="sfb-", dir="/tmp"))
    (folder / "row").write_text(json.dumps(row))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "-c", "python:serverfleet.web.webserver",
             "tests.bench.bare"],
            cwd=ROOT, stdout=log, stderr=log,
            env={**env, "PORT": str(port), "BENCH_ROW": str(folder / "row")},
        )  # fmt: skip
    try:
        wait_for(lambda: _answers(port), 20, what=(folder / "log").read_text)
        time.sleep(1)  # both workers
        yield port, [process.pid, *_children(process.pid)]
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/one", timeout=5):
            return True
    except OSError:
        return False


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in text.split()]


def read_etag(service: Service, path: str) -> str:
    """Return the current ETag of a path."""
    request = urllib.request.Request(f"http://127.0.0.1:{service.port}{path}")
    request.add_header("Authorization", f"Bearer {service.token}")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(answer.headers["ETag"])


def resident_mb(pid: int) -> float:
    """Return the peak memory of a process, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


if __name__ == "__main__":
    from tests.bench.table import print_table

    print_table(list(measure_rates()))
