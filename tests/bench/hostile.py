"""How long /healthz takes behind the shipped nginx while clients stop half-way."""

import http.client
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Final

from servers.drill.service import Service
from tests.bench.table import Row
from tests.support.badclients import find_bundle, head, open_many
from tests.support.nginx import find_nginx, run_nginx

CLIENTS: Final = 8
ASKED: Final = 50
BAR_SECONDS: Final = 1.0


def measure_hostile() -> Iterator[Row]:
    """Yield the slowest response of /healthz for each kind of client."""
    if not find_nginx():
        print("Hostile clients are left out: there is no nginx.")
        return
    with Service(SERVERFLEET_TRUST_PROXY="1") as service:
        bundle = head(f"GET {find_bundle(service)}") * 4
        chunked = head("POST /healthz", "Transfer-Encoding: chunked")
        with run_nginx(service.port) as port:
            for what, data, little in (
                ("never read four large files", bundle, True),
                ("never send a chunk of their body", chunked, False),
                ("never send their body", head("POST /login/", "Content-Length: 99"),
                 False),
            ):  # fmt: skip
                alone = find_slowest(port)
                links = open_many(port, CLIENTS, data, little=little)
                try:
                    slowest = find_slowest(port)
                finally:
                    for link in links:
                        link.close()
                yield (
                    f"/healthz behind nginx, {CLIENTS} clients {what}",
                    f"{slowest * 1000:.0f} ms at most",
                    f"{alone * 1000:.0f} ms alone; bar {BAR_SECONDS:.0f} s",
                    f"{slowest / BAR_SECONDS:.2f}",
                )


def find_slowest(port: int) -> float:
    """Return the time of the slowest of ASKED requests, in seconds."""
    times = []
    for _ in range(ASKED):
        began = time.monotonic()
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as link:
            link.request("GET", "/healthz")
            assert link.getresponse().read() == b"OK"
        times.append(time.monotonic() - began)
        time.sleep(0.05)
    return max(times)
