"""The service behind each proxy that ships: slow clients hold nobody up."""

import http.client
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from typing import Any

import pytest

from servers.drill.service import Service, free_port, wait_for
from tests.service.hostile import HOSTILE
from tests.service.test_hostile import read
from tests.support.badclients import find_bundle, head, open_many
from tests.support.proxies import PROXIES, get_proxy

pytestmark = pytest.mark.pure

CLIENTS = 24
# The proxies give such clients up after 20 s: who is held up by them waits as long.
HELD_UP = 15
# Where nginx has another status for what is hostile, or has none of its own.
OTHERS = {
    "no version": None,  # HTTP/0.9: no status at all
    "a wrong version": 505,
    "CONNECT": 400,
    "OPTIONS of nothing": 400,
    "two spaces": 200,
    "ends of LF alone": 200,
    "a header without a colon": 302,
    "no host": 400,
    "an unknown Expect": 200,
    "chunks twice": 501,
    # Refused by its length, before the token is looked at.
    "the same without a token": 413,
    # Waited for, as it should be.
    "a body that ends too early": None,
    "a body that does not begin": None,
    "a path upwards": 400,
    "a path upwards, escaped": 400,
    "a broken escape": 400,
    "a NUL in the path": 400,
    "a NUL behind a name": 400,
}


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with Service(SERVERFLEET_TRUST_PROXY="1") as service:
        yield service


@pytest.fixture(scope="module", params=PROXIES)
def port(running: Service, request: pytest.FixtureRequest) -> Iterator[int]:
    with get_proxy(request.param).run(running.port) as port:
        yield port


def ask(port: int, method: str, path: str, **headers: str) -> tuple[Any, bytes]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as link:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        link.request(method, path, headers=named)
        answer = link.getresponse()
        return answer, answer.read()


def test_clients_that_never_read_hold_nobody_up(running: Service, port: int) -> None:
    bundle = head(f"GET {find_bundle(running)}")
    bearer = f"Authorization: Bearer {running.token}"
    for data in (bundle * 4, head("GET /api/schema", bearer) * 4):
        check(port, data, little=True)


@pytest.mark.parametrize(
    "data",
    [
        head("POST /healthz", "Transfer-Encoding: chunked"),
        head("POST /healthz", "Transfer-Encoding: chunked") + b"5\r\nhe",
        head("POST /login/", "Content-Length: 99"),
        head("POST /api/servers", "Content-Length: 99") + b"{",
        head("GET /healthz")[:-2],
        b"",
    ],
)
def test_requests_that_never_end_hold_nobody_up(port: int, data: bytes) -> None:
    check(port, data)


def check(port: int, data: bytes, *, little: bool = False) -> None:
    links = open_many(port, CLIENTS, data, little=little)
    try:
        for _ in range(5):
            began = time.monotonic()
            answer, body = ask(port, "GET", "/healthz")
            took = time.monotonic() - began
            assert (answer.status, body) == (200, b"OK")
            assert took < HELD_UP
            time.sleep(0.1)  # what they have sent gets everywhere meanwhile
    finally:
        for link in links:
            link.close()


def test_two_hundred_idle_connections_hold_nobody_up(port: int) -> None:
    links = open_many(port, 200, b"")
    try:
        assert ask(port, "GET", "/healthz")[0].status == 200
    finally:
        for link in links:
            link.close()


# Caddy answers what is not valid HTTP itself, as plain text.
@pytest.mark.parametrize("port", ["nginx"], indirect=True)
def test_hostile_requests_are_answered_in_json(running: Service, port: int) -> None:
    wrong = []
    names = {name for name, _, _ in HOSTILE}
    assert OTHERS.keys() <= names
    for name, data, status in HOSTILE:
        wanted = OTHERS.get(name, status)
        if wanted is None:
            continue
        said = exchange(port, data.replace(b"@TOKEN@", running.token.encode()))
        top, body = said
        if top[9:12] != str(wanted).encode():
            wrong.append(f"{name}: {top[:60]!r}")
        elif wanted >= 400 and not data.startswith(b"HEAD"):
            if b"application/json; charset=utf-8" not in top:
                wrong.append(f"{name}: no JSON")
            elif not json.loads(body)["message"].endswith((".", "'.")):
                wrong.append(f"{name}: no sentence")
    assert not wrong, "\n".join(wrong)


def exchange(port: int, data: bytes) -> tuple[bytes, bytes]:
    """Send a request, and read its answer without hanging up before: nginx would."""
    asked = data.replace(b"Host: ", b"Connection: close\r\nHost: ", 1)
    with socket.create_connection(("127.0.0.1", port), 10) as link:
        link.sendall(asked)
        return read(link)


def test_it_says_who_came_and_how_and_believes_no_client(
    running: Service, port: int
) -> None:
    answer, _ = ask(port, "GET", "/version", X_Request_ID="mine-1")
    assert answer.headers["X-Request-ID"] == "mine-1"
    generated = ask(port, "GET", "/version")[0].headers["X-Request-ID"]
    for wanted in ("mine-1", generated):
        wait_for(partial(is_logged, running, wanted), 10)
    # The proxy's own scheme counts, so a link leads back to plain HTTP.
    answer, _ = ask(
        port,
        "GET",
        "/api/servers?limit=1",
        Authorization=f"Bearer {running.token}",
        X_Forwarded_Proto="https",
    )
    assert answer.status == 200
    assert "https://" not in answer.headers.get("Link", "")


def is_logged(service: Service, text: str) -> bool:
    return text in service.log()


def test_a_connection_is_kept_for_the_next_request(port: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as link:
        for _ in range(3):
            link.request("GET", "/healthz")
            link.getresponse().read()
            assert link.sock is not None


def test_a_body_that_is_too_large_is_refused_in_json(port: int) -> None:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as link:
        # Without a length, so that only counting helps.
        link.request("POST", "/api/servers", iter([b"x" * 300_000]))
        answer = link.getresponse()
        body = answer.read()
    assert answer.status == 413
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert "Retry-After" not in answer.headers
    assert json.loads(body)["message"].startswith("The body is too large.")


@pytest.mark.parametrize("name", PROXIES)
def test_while_the_service_is_gone_the_proxy_says_so_in_json(name: str) -> None:
    with get_proxy(name).run(free_port()) as port:
        for method in ("GET", "POST"):
            answer, body = ask(port, method, "/api/servers")
            assert answer.status == 502
            assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert answer.headers["Retry-After"] == "5"
            assert "does not respond" in json.loads(body)["message"]
