"""A call ends at its deadline, whatever the server does."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from servers.clouds.base import CloudConfig
from servers.clouds.registry import open_cloud
from servers.drill.service import free_port
from servers.outgoing.errors import CallError, UnknownOutcomeError, UnreachableError

pytestmark = pytest.mark.pure

SECRETS = {"access_key_id": "AKIA", "secret_access_key": "made-up"}
DEADLINE = 0.8
SLACK = 8.0  # for a busy machine: without a deadline, each would take 10 s or more

Behaviour = Callable[[socket.socket], None]


def hang(connection: socket.socket) -> None:
    time.sleep(20)


def trickle_headers(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    for number in range(100):
        connection.sendall(b"X-%d: y\r\n" % number)
        time.sleep(0.1)


def trickle_body(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    for _ in range(100):
        connection.sendall(b"<")
        time.sleep(0.1)


def trickle_body_without_a_length(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n<DescribeInstancesResponse/>")
    for _ in range(100):
        connection.sendall(b" ")
        time.sleep(0.1)


def close_mid_body(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n<a")


def close_at_once(connection: socket.socket) -> None:
    connection.recv(65536)


def garbage(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"\x00\x01\x02 nothing\r\n\r\n")


@contextmanager
def serving(behave: Behaviour) -> Iterator[str]:
    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                behave(connection)

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    "behave",
    [
        hang,
        trickle_headers,
        trickle_body,
        trickle_body_without_a_length,
        close_mid_body,
        close_at_once,
        garbage,
    ],
)
def test_an_outcome_is_unknown_by_the_deadline(behave: Behaviour) -> None:
    with serving(behave) as url:
        cloud = open_cloud("amazon", CloudConfig("a", "eu-central-1", url, SECRETS))
        began = time.monotonic()
        with pytest.raises(UnknownOutcomeError):
            cloud.list_instances("ci", deadline=DEADLINE)
        assert time.monotonic() - began < DEADLINE + SLACK


def test_a_refused_connection_is_known_not_to_have_been_sent() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    cloud = open_cloud("amazon", CloudConfig("a", "eu-central-1", url, SECRETS))
    with pytest.raises(UnreachableError, match="can't be reached"):
        cloud.list_instances("ci", deadline=DEADLINE)


def test_tls_to_a_server_that_speaks_none_is_known_not_to_have_been_sent() -> None:
    for behave in (garbage, hang):
        with serving(behave) as url:
            secure = url.replace("http:", "https:")
            cloud = open_cloud(
                "amazon", CloudConfig("a", "eu-central-1", secure, SECRETS)
            )
            began = time.monotonic()
            with pytest.raises(CallError) as raised:
                cloud.list_instances("ci", deadline=DEADLINE)
            assert type(raised.value) is UnreachableError
            assert time.monotonic() - began < DEADLINE + SLACK
