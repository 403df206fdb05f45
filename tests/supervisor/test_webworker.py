"""How requests are shared out among the web processes."""

import http.client
import os
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from serverfleet.webworker import JSONThreadWorker
from servers.drill.service import ROOT, free_port, wait_for

pytestmark = pytest.mark.pure

THREADS = 3


class PatientWorker(JSONThreadWorker):
    """Leaves a connection to another process that a busy machine keeps waiting."""

    left_to_others = 1.0


def application(
    _environ: dict[str, Any], start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Answer with the process, a while later."""
    time.sleep(0.3)
    start_response("200 OK", [("Content-Length", "8")])
    return [f"{os.getpid():8}".encode()]


@pytest.fixture
def port() -> Iterator[int]:
    """Two processes of so many threads each; both serve."""
    port = free_port()
    with subprocess.Popen(
        [sys.executable, "-m", "gunicorn", f"{__name__}:application",
         "--bind", f"127.0.0.1:{port}", "--workers", "2", "--threads", str(THREADS),
         "--worker-class", f"{__name__}.PatientWorker",
         "--no-control-socket"],
        cwd=ROOT,
        env={**os.environ, "SERVERFLEET_REQUEST_SECONDS": "1"},
    ) as process:  # fmt: skip
        try:
            wait_for(lambda: len(ask(port, 4)) == 2, 20)
            yield port
        finally:
            process.terminate()


def ask(port: int, times: int) -> Counter[bytes]:
    """Send so many requests, one shortly after the other; count who answers them."""
    links = []
    for _ in range(times):
        try:
            link = socket.create_connection(("127.0.0.1", port))
        except ConnectionRefusedError:  # not up yet
            return Counter()
        link.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        links.append(link)
        time.sleep(0.02)
    counts: Counter[bytes] = Counter()
    for link in links:
        with link, link.makefile("rb") as answer:
            counts[answer.read()[-8:]] += 1
    return counts


def test_a_request_goes_where_a_thread_is_free(port: int) -> None:
    for _ in range(3):
        assert set(ask(port, 2 * THREADS).values()) == {THREADS}


def test_more_requests_than_threads_are_all_answered(port: int) -> None:
    assert ask(port, 4 * THREADS).total() == 4 * THREADS


def test_the_next_request_of_a_client_may_come_in_pieces_or_not_at_all(
    port: int,
) -> None:
    head = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as link:
        answer = link.makefile("rb")
        for wait in (0.0, 0.1):
            # The first piece comes while the thread still waits for it, the rest later.
            link.sendall(head[:20])
            time.sleep(wait)
            link.sendall(head[20:])
            assert answer.readline().split()[1] == b"200"
            while answer.readline() != b"\r\n":
                pass
            assert len(answer.read(8)) == 8
        link.sendall(head[:20])
        assert answer.readline().split()[1] == b"408"
        assert b"did not arrive in time" in answer.read()


@pytest.mark.parametrize("clients", [2 * THREADS, 6 * THREADS])
def test_connections_that_are_kept_and_busy_keep_nobody_out(
    port: int, clients: int
) -> None:
    over = threading.Event()

    def ask_again_and_again() -> None:
        with closing(http.client.HTTPConnection("127.0.0.1", port)) as link:
            while not over.is_set():
                link.request("GET", "/")
                link.getresponse().read()

    with ThreadPoolExecutor(clients) as pool:
        busy = [pool.submit(ask_again_and_again) for _ in range(clients)]
        time.sleep(1.0)
        with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as link:
            try:
                link.request("GET", "/")
                assert link.getresponse().status == 200
            finally:
                over.set()
    assert not any(each.exception() for each in busy)
