"""What the proxies that ship pass on: each request once, and no client's own word."""

import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Self

import pytest

from servers.drill.service import free_port, wait_for
from tests.support.caddy import find_caddy, run_caddy
from tests.support.proxies import PROXIES, get_proxy

pytestmark = pytest.mark.pure

LIES = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Request-ID": "mine",
}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Upstream:
    """Records requests. Answers a GET, and hangs up on a POST without an answer."""

    def __init__(self) -> None:
        self.heads: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # On Linux, close alone would not wake the thread.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def count(self, method: str) -> int:
        """Return how many requests of a method came."""
        return sum(head.startswith(f"{method} ") for head in self.heads)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                link, _ = self.listener.accept()
                threading.Thread(target=self._answer, args=(link,), daemon=True).start()

    def _answer(self, link: socket.socket) -> None:
        with link, suppress(OSError):
            data = b""
            while more := link.recv(65536):
                data += more
                while b"\r\n\r\n" in data:
                    head, _, data = data.partition(b"\r\n\r\n")
                    self.heads.append(head.decode("latin-1"))
                    if not head.startswith(b"GET "):
                        return
                    link.sendall(OK)


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as upstream:
        yield upstream


def ask(link: http.client.HTTPConnection, method: str) -> tuple[int, bytes]:
    with closing(link):
        # A client that says nothing about gzip.
        link.putrequest(method, "/api/servers", skip_accept_encoding=True)
        for name, value in LIES.items():
            link.putheader(name, value)
        link.endheaders()
        answer = link.getresponse()
        return answer.status, answer.read()


@pytest.mark.parametrize("name", PROXIES)
def test_a_client_is_not_believed_and_a_post_is_sent_once(
    upstream: Upstream, name: str
) -> None:
    with get_proxy(name).run(upstream.port) as port:
        # The POST meets a connection that is kept from the GET, and then none.
        status, body = ask(http.client.HTTPConnection("127.0.0.1", port, 20), "GET")
        assert (status, body) == (200, b"ok")
        for sent in (1, 2):
            link = http.client.HTTPConnection("127.0.0.1", port, 20)
            status, body = ask(link, "POST")
            assert status == 502
            assert "does not respond" in json.loads(body)["message"]
            assert upstream.count("POST") == sent
    for head in upstream.heads:
        lines = {line.lower() for line in head.splitlines()}
        assert "x-forwarded-for: 127.0.0.1" in lines
        assert "x-forwarded-proto: http" in lines
        assert "x-request-id: mine" in lines
        assert f"host: 127.0.0.1:{port}" in lines
        assert LIES["X-Forwarded-For"] not in head
        # A proxy that asks for gzip itself makes the service work for nothing.
        assert "accept-encoding: gzip" not in lines


@pytest.mark.skipif(not find_caddy(), reason=PROXIES["caddy"].missing)
def test_caddy_serves_https_and_redirects_no_http(upstream: Upstream) -> None:
    secure = free_port()
    trusting = ssl._create_unverified_context()  # its certificate is its own

    def serves() -> bool:
        link = http.client.HTTPSConnection("127.0.0.1", secure, context=trusting)
        try:
            return ask(link, "GET") == (200, b"ok")
        except OSError:  # its first certificate takes a moment
            return False

    with run_caddy(upstream.port, secure) as port:
        wait_for(serves, 20)
        assert "x-forwarded-proto: https" in upstream.heads[-1].lower()
        # A 502 of the upstream, not a redirect to HTTPS.
        link = http.client.HTTPConnection("127.0.0.1", port, 20)
        assert ask(link, "POST")[0] == 502
        assert "x-forwarded-proto: http\r\n" in f"{upstream.heads[-1].lower()}\r\n"
