"""What is no HTTP, or only just: an answer in JSON, and the service goes on."""

import json
import socket
from collections.abc import Iterator

import pytest

from servers.drill.service import Service

pytestmark = pytest.mark.pure


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with Service() as service:
        yield service


def exchange(service: Service, data: bytes, *, seconds: float = 10) -> bytes:
    """Send bytes, and return all that comes back until the connection ends."""
    with socket.create_connection(("127.0.0.1", service.port), seconds) as sock:
        sock.sendall(data)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := sock.recv(65536):
            answer += piece
    return answer


HOST = b"Host: 127.0.0.1\r\n"
CHUNKED = HOST + b"Transfer-Encoding: chunked\r\n\r\n"
HOSTILE = [
    ("nonsense", b"nonsense\r\n\r\n", 400),
    ("no version", b"GET /\r\n\r\n", 400),
    ("a wrong version", b"GET / HTTP/9.9\r\n" + HOST + b"\r\n", 400),
    ("a method of symbols", b"G@T / HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("bytes", bytes(range(128, 256)) + b"\r\n\r\n", 400),
    ("a NUL in the line", b"GET /\0 HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    ("a long line", b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    ("a long header", b"GET / HTTP/1.1\r\nA: " + b"a" * 90000 + b"\r\n\r\n", 431),
    ("many headers", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 500 + b"\r\n", 431),
    ("a header without a colon", b"GET / HTTP/1.1\r\nnonsense\r\n\r\n", 400),
    ("a header with a space", b"GET / HTTP/1.1\r\nA b: c\r\n\r\n", 400),
    ("a folded header", b"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400),
    ("two lengths", b"POST /api/servers HTTP/1.1\r\n" + HOST
     + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    ("a wrong length", b"POST / HTTP/1.1\r\n" + HOST
     + b"Content-Length: -1\r\n\r\n", 400),
    ("a length and chunks", b"POST / HTTP/1.1\r\n" + HOST
     + b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("an unknown coding", b"POST / HTTP/1.1\r\n" + HOST
     + b"Transfer-Encoding: magic\r\n\r\n", 501),
    ("an unknown host", b"GET /api/servers HTTP/1.1\r\nHost: evil\r\n\r\n", 400),
    ("no host", b"GET /api/servers HTTP/1.1\r\n\r\n", 401),
    ("no token", b"GET /api/servers HTTP/1.1\r\n" + HOST + b"\r\n", 401),
    ("HTTP/1.0", b"GET /healthz HTTP/1.0\r\n" + HOST + b"\r\n", 200),
    ("an unknown method", b"BREW /healthz HTTP/1.1\r\n" + HOST + b"\r\n", 405),
    ("an absolute path", b"GET http://127.0.0.1/healthz HTTP/1.1\r\n" + HOST
     + b"Connection: close\r\n\r\n", 200),
    ("a path upwards", b"GET /api/../../etc/passwd HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    ("a path of bytes", b"GET /api/%ff%fe HTTP/1.1\r\n" + HOST + b"\r\n", 404),
    ("a NUL in the path", b"GET /api/servers/%00 HTTP/1.1\r\n" + HOST + b"\r\n", 401),
]  # fmt: skip


@pytest.mark.parametrize(("data", "status"), [case[1:] for case in HOSTILE],
                         ids=[case[0] for case in HOSTILE])  # fmt: skip
def test_it_is_answered_in_a_sentence_of_json(
    running: Service, data: bytes, status: int
) -> None:
    answer = exchange(running, data)
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"chunked" in head:
        body = body.partition(b"\r\n")[2].partition(b"\r\n")[0]
    assert head[:7] == b"HTTP/1."
    assert head[8:].startswith(f" {status} ".encode()), answer[:500]
    assert b"application/json; charset=utf-8" in head
    told = json.loads(body)
    assert status == 200 or told["message"].endswith((".", "'.")), told


def test_a_chunk_that_is_none_breaks_nothing(running: Service) -> None:
    token = f"Authorization: Bearer {running.token}\r\n".encode()
    line = b"POST /api/servers HTTP/1.1\r\n" + token
    answer = exchange(running, line + CHUNKED + b"zz\r\nabc\r\n0\r\n\r\n")
    assert b" 400 " in answer.split(b"\r\n")[0], answer[:300]
    assert running.states() == {}


def test_a_body_in_chunks_is_read(running: Service) -> None:
    token = f"Authorization: Bearer {running.token}\r\n".encode()
    line = b"POST /api/servers HTTP/1.1\r\nConnection: close\r\n" + token
    chunks = b'8\r\n{"count"\r\n3\r\n:2}\r\n0\r\n\r\n'
    answer = exchange(running, line + CHUNKED + chunks)
    _, _, body = answer.partition(b"\r\n\r\n")
    assert len(json.loads(body)) == 2
    large = b"%x\r\n" % 300_000 + b" " * 300_000 + b"\r\n0\r\n\r\n"
    answer = exchange(running, line + CHUNKED + large)
    assert b" 413 " in answer.split(b"\r\n")[0], answer[:300]
    assert len(running.states()) == 2


def test_requests_in_one_go_are_answered_in_their_order(running: Service) -> None:
    one = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    last = b"GET /version HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    answer = exchange(running, one * 3 + last)
    assert answer.count(b"HTTP/1.1 200 ") == 4
    assert answer.rindex(b'"status"') < answer.index(b'"version"')


def test_nothing_of_this_left_a_trace_or_stopped_it(running: Service) -> None:
    assert running.call("GET", "/healthz")[0] == 200
    assert "Traceback" not in running.log()
