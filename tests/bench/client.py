"""A cheap client: it keeps sockets open, and reads and drops the answers."""

import socket
import statistics
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench.scale import cpu_seconds_of

CLIENTS = 8
SECONDS = 2.0
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Target:
    """A request that is sent repeatedly, and the status it must get."""

    port: int
    method: str
    path: str
    status: int = 200
    token: str = ""
    headers: tuple[str, ...] = ()
    body: bytes = b""

    def encode(self) -> bytes:
        """Return the request as bytes."""
        lines = [f"{self.method} {self.path} HTTP/1.1", "Host: 127.0.0.1"]
        if self.token:
            lines.append(f"Authorization: Bearer {self.token}")
        if self.body:
            lines.append(f"Content-Length: {len(self.body)}")
            lines.append("Content-Type: application/json")
        lines += self.headers
        return ("\r\n".join(lines) + "\r\n\r\n").encode() + self.body


@dataclass(frozen=True, slots=True)
class Rate:
    """Requests per second, and CPU time of the web processes per request, in ms."""

    each_second: float
    cpu_ms: float


def measure(target: Target, pids: list[int]) -> Rate:
    """Return the median of ROUNDS, with CLIENTS clients at once."""
    return _take_median([_measure_once(target, pids) for _ in range(ROUNDS)])


def measure_in_turn(
    target: Target, pids: list[int], base: Target, base_pids: list[int]
) -> tuple[Rate, Rate, float]:
    """Return the medians of both, and that of the ratios of their rates.

    They alternate, so that a temporary slowdown of the machine affects both.
    """
    rounds = [
        (_measure_once(target, pids), _measure_once(base, base_pids))
        for _ in range(ROUNDS)
    ]
    ours, bare = zip(*rounds, strict=True)
    ratio = statistics.median(
        mine.each_second / its.each_second for mine, its in rounds
    )
    return _take_median(ours), _take_median(bare), ratio


def _take_median(rounds: Sequence[Rate]) -> Rate:
    return Rate(
        statistics.median(rate.each_second for rate in rounds),
        statistics.median(rate.cpu_ms for rate in rounds),
    )


def _measure_once(target: Target, pids: list[int]) -> Rate:
    counts: list[int] = []
    began, used = time.monotonic(), cpu_seconds_of(pids)
    ends = began + SECONDS

    def run() -> None:
        counts.append(_ask_until(target, ends))

    threads = [threading.Thread(target=run) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    cpu = cpu_seconds_of(pids) - used
    assert len(counts) == CLIENTS, "a client failed"
    done = sum(counts)
    return Rate(done / took, cpu / done * 1000)


def _ask_until(target: Target, ends: float) -> int:
    request = target.encode()
    buffer = memoryview(bytearray(1 << 20))
    done = 0
    with socket.create_connection(("127.0.0.1", target.port), timeout=60) as link:
        while time.monotonic() < ends:
            link.sendall(request)
            _read_answer(link, buffer, target.status)
            done += 1
    return done


def _read_answer(link: socket.socket, buffer: memoryview, status: int) -> None:
    size = 0
    end = -1
    while end < 0:
        got = link.recv_into(buffer[size:])
        assert got, "the server closed the connection"
        size += got
        end = bytes(buffer[: min(size, 8192)]).find(b"\r\n\r\n")
    head = bytes(buffer[:end]).decode("latin-1").lower()
    assert head.split(" ", 2)[1] == str(status), head
    left = 0
    for line in head.split("\r\n"):
        if line.startswith("content-length:"):
            left = int(line.partition(":")[2])
    left -= size - end - 4
    while left > 0:
        got = link.recv_into(buffer)
        assert got, "the server closed the connection"
        left -= got
