"""What is hostile, or only just HTTP: the stated answer, and the service goes on."""

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import pytest

from servers.drill.service import Service, wait_for
from tests.service.hostile import BEARER, HOST, HOSTILE, JSON, ask, bear, chunked, get

pytestmark = pytest.mark.pure

SECONDS = 4.0  # that a request may take to come; who is held up waits as long


@pytest.fixture(scope="module")
def running() -> Iterator[Service]:
    with Service(SERVERFLEET_REQUEST_SECONDS=str(SECONDS)) as service:
        yield service


def connect(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), 10)


def exchange(service: Service, data: bytes) -> tuple[bytes, bytes]:
    """Send bytes and close; return head and body of all that comes back."""
    with connect(service) as sock:
        with contextlib.suppress(OSError):  # refused before all of it was sent
            sock.sendall(data.replace(b"@TOKEN@", service.token.encode()))
            sock.shutdown(socket.SHUT_WR)
        return read(sock)


def read(sock: socket.socket) -> tuple[bytes, bytes]:
    """Return head and body of all that comes until the connection ends."""
    answer = b""
    try:
        while piece := sock.recv(65536):
            answer += piece
    except ConnectionResetError:
        pass  # it was not all read, on purpose
    head, _, body = answer.partition(b"\r\n\r\n")
    if b"chunked" in head:
        body = body.partition(b"\r\n")[2].partition(b"\r\n")[0]
    return head, body


def test_each_is_answered_as_it_must_be(running: Service) -> None:
    assert len(HOSTILE) > 120
    assert len({name for name, _, _ in HOSTILE}) == len(HOSTILE)
    wrong = [
        f"{name}: {said}"
        for name, data, status in HOSTILE
        if (said := judge(*exchange(running, data), status, data))
    ]
    assert not wrong, "\n".join(wrong)
    log = running.log()
    assert "Traceback" not in log
    # The token is in the block of the first start, and nowhere else.
    assert running.token not in log.split("These credentials are shown")[1]
    # Of all these only the empty body asks for a server.
    assert len(running.states()) == 1


def judge(head: bytes, body: bytes, status: int, data: bytes) -> str:
    """Return what is wrong with an answer, or ""."""
    told = f"{head[:300]!r} {body[:200]!r}"
    if not head.startswith(b"HTTP/1.") or head[8:12] != f" {status}".encode():
        return f"not {status}: {told}"
    if b"\r\n\r\nOK" in b"\r\n\r\n".join((head, body)):  # of /healthz
        return ""
    if b"application/json; charset=utf-8" not in head or b"nosniff" not in head:
        return f"not JSON: {told}"
    if b"Access-Control" in head:
        return f"CORS: {told}"
    if data.startswith(b"HEAD"):
        return f"a body: {told}" if body else ""
    answer = json.loads(body)
    if status >= 400 and not answer["message"].endswith((".", "'.")):
        return f"no sentence: {told}"
    return ""


def test_head_has_no_body_and_options_tells_the_methods(running: Service) -> None:
    head, body = exchange(running, ask(b"HEAD /api/servers", BEARER))
    assert (head[8:12], body) == (b" 200", b"")
    head, body = exchange(
        running,
        ask(
            b"OPTIONS /api/servers",
            BEARER,
            b"Origin: http://evil\r\nAccess-Control-Request-Method: POST\r\n",
        ),
    )
    assert (head[8:12], body) == (b" 204", b"")
    assert b"Allow: GET, POST, HEAD, OPTIONS" in head
    assert b"Access-Control" not in head


def test_a_body_in_chunks_is_read(running: Service) -> None:
    before = len(running.states())
    chunks = b'8\r\n{"count"\r\n3\r\n:2}\r\n0\r\n\r\n'
    _, body = exchange(running, chunked(chunks))
    assert len(json.loads(body)) == 2
    assert len(running.states()) == before + 2


def test_requests_in_one_go_are_answered_in_their_order(running: Service) -> None:
    one = b"GET /healthz HTTP/1.1\r\n" + HOST + b"\r\n"
    last = b"GET /version HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"
    with connect(running) as sock:
        sock.sendall(one * 3 + last)
        answer = b"\r\n\r\n".join(read(sock))
    assert answer.count(b"HTTP/1.1 200 ") == 4
    assert answer.rindex(b"\r\n\r\nOK") < answer.index(b'"version"')
    with connect(running) as sock:
        sock.sendall(one + b"nonsense\r\n\r\n" + one)
        answer = b"\r\n\r\n".join(read(sock))
    assert answer.count(b"HTTP/1.1 200 ") == 1
    assert answer.count(b"HTTP/1.1 400 ") == 1


def test_an_answer_of_http_1_0_ends_its_connection(running: Service) -> None:
    with connect(running) as sock:
        sock.sendall(b"GET /healthz HTTP/1.0\r\n" + HOST + b"\r\n")
        head, body = read(sock)
    assert b" 200 " in head
    assert b"Connection: close" in head
    assert body == b"OK"


def test_connections_that_send_nothing_hold_no_thread(running: Service) -> None:
    idle = [connect(running) for _ in range(200)]
    try:
        began = time.monotonic()
        assert running.call("GET", "/api/servers")[0] == 200
        assert time.monotonic() - began < SECONDS
    finally:
        for sock in idle:
            sock.close()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        # Behind the proxy no such request arrives at all.
        (get(b"/api/me")[:-2], b""),
        (ask(b"POST /api/servers", BEARER, JSON, b"Content-Length: 99\r\n"), b" 408 "),
        (chunked(b"5\r\n{"), b" 408 "),
    ],
)
def test_a_client_that_stops_half_way_is_given_up(
    running: Service, data: bytes, status: bytes
) -> None:
    eight = [connect(running) for _ in range(8)]
    try:
        for sock in eight:
            sock.sendall(data.replace(b"@TOKEN@", running.token.encode()))
        # Eight of them hold no more than half of one process's threads.
        began = time.monotonic()
        assert running.call("GET", "/api/servers")[0] == 200
        assert time.monotonic() - began < SECONDS
        eight[0].settimeout(30)
        answer = b""
        while b"}" not in answer and (piece := eight[0].recv(65536)):
            answer += piece
        assert answer[8:13] == status
        assert not status or b"Send the request again." in answer
    finally:
        for sock in eight:
            sock.close()
    assert "Traceback" not in running.log()


def test_a_client_that_never_reads_is_given_up(running: Service) -> None:
    root = running.data / "static"
    bundle = next(root.rglob("swagger-ui-bundle.*.js")).relative_to(root)
    line = ask(f"GET /static/{bundle}".encode())
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.connect(("127.0.0.1", running.port))
        sock.sendall(line * 4)
        wait_for(lambda: "A client was too slow" in running.log(), 20)


def test_nothing_of_this_left_a_trace_or_stopped_it(running: Service) -> None:
    assert running.call("GET", "/healthz")[0] == 200
    assert exchange(running, bear(b"Bearer @TOKEN@"))[0][8:12] == b" 200"
    assert "Traceback" not in running.log()
