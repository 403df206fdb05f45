"""The client of a server's Docker daemon, against a real one and against impostors."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import pytest

from servers.machine.certificates import Keys
from servers.machine.docker import errors
from servers.machine.docker.client import Docker
from servers.machine.docker.connection import Endpoint
from tests.support import impostors
from tests.support.dockerd import (
    IMAGE,
    Dockerd,
    find_address,
    make_endpoint,
    make_keys,
    run_dockerd,
)

pytestmark = pytest.mark.pure

NOT_DOCKER: Final = errors.NotDockerError


class Real(NamedTuple):
    daemon: Dockerd
    endpoint: Endpoint
    keys: Keys


@pytest.fixture(scope="module")
def real() -> Iterator[Real]:
    name, keys = make_keys()
    with run_dockerd(keys) as daemon:
        yield Real(daemon, make_endpoint(daemon.address, name, keys), keys)


def test_a_real_daemon_runs_a_container_from_create_to_remove(real: Real) -> None:
    config = {
        "Image": IMAGE,
        "Cmd": ["sleep", "600"],
        "Labels": {"serverfleet.agent": "a1"},
        "HostConfig": {"NetworkMode": "none"},
    }
    with Docker(real.endpoint, timeout=20) as docker:
        docker.ping()
        assert docker.version()[0].isdigit()
        assert docker.has_image(IMAGE)
        assert not docker.has_image("registry.example/some/image:1")
        made = docker.create("agent", config)
        with pytest.raises(errors.ClashError):
            docker.create("agent", config)
        assert docker.list_containers() == []
        docker.start(made)
        docker.start("agent")  # again: it is so already
        labelled = {"serverfleet.agent": "a1"}
        (found,) = docker.list_containers(labelled)
        assert (found.id, found.name, found.state) == (made, "agent", "running")
        assert found.labels == labelled
        assert docker.list_containers({"serverfleet.agent": ""}) == [found]
        assert docker.list_containers({"serverfleet.agent": "b2"}) == []
        docker.kill("agent", "SIGKILL")
        deadline = time.monotonic() + 10
        while docker.inspect("agent")["State"]["Running"]:
            assert time.monotonic() < deadline
        with pytest.raises(errors.ClashError):
            docker.kill("agent", "SIGKILL")
        assert [each.id for each in docker.list_containers(labelled, all=True)] == [
            made
        ]
        docker.remove("agent")
        with pytest.raises(errors.MissingError, match="No such container"):
            docker.inspect("agent")


def test_settings_of_the_environment_change_nothing(
    real: Real, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "ALL_PROXY", "DOCKER_HOST", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    _ping(real.endpoint)


def test_neither_side_takes_another_servers_certificates(real: Real) -> None:
    name, other = make_keys()
    wrong = errors.CertificateError
    with pytest.raises(wrong, match="does not have this server's certificate"):
        _ping(replace(real.endpoint, ca_cert=other.ca_cert))
    with pytest.raises(wrong, match="does not have this server's certificate"):
        _ping(replace(real.endpoint, name=name))
    stranger = replace(
        real.endpoint, client_cert=other.client_cert, client_key=other.client_key
    )
    with pytest.raises(errors.ClientRejectedError, match="does not accept"):
        _ping(stranger)
    # The daemon's own certificate is for a server, so no client can use it.
    own = real.keys
    daemon = replace(
        real.endpoint, client_cert=own.daemon_cert, client_key=own.daemon_key
    )
    with pytest.raises(errors.ClientRejectedError, match="does not accept"):
        _ping(daemon)
    with pytest.raises(wrong, match="no usable certificates"):
        _ping(replace(real.endpoint, client_key=""))
    _ping(real.endpoint)


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "fe80::1", "0.0.0.0", "::ffff:169.254.1.1", "a.example"],
)
def test_it_connects_only_to_addresses_that_an_instance_can_have(
    real: Real, address: str
) -> None:
    with pytest.raises(errors.ForbiddenAddressError):
        _ping(replace(real.endpoint, address=address, loopback=False))


def test_a_simulated_cloud_s_address_of_somebody_else_is_left_alone(real: Real) -> None:
    with pytest.raises(errors.ForbiddenAddressError, match="is simulated"):
        _ping(replace(real.endpoint, address="10.0.0.2"))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def test_only_a_simulated_cloud_can_report_a_loopback_address(
    real: Real, address: str
) -> None:
    with pytest.raises(errors.ForbiddenAddressError, match="this machine"):
        _ping(replace(real.endpoint, address=address, loopback=False))


def test_a_daemon_that_hangs_is_left_at_the_deadline(real: Real) -> None:
    real.daemon.send(signal.SIGSTOP)
    try:
        began = time.monotonic()
        with pytest.raises(
            errors.HangingError, match="didn't send a complete answer in time"
        ):
            _ping(real.endpoint, timeout=0.5)
        assert time.monotonic() - began < 8
    finally:
        real.daemon.send(signal.SIGCONT)
    _ping(real.endpoint)


PLAIN: Final = {
    "a web server": (impostors.answer(impostors.PAGE), NOT_DOCKER, "without TLS"),
    "a proxy": (impostors.page, NOT_DOCKER, "without TLS"),
    "what closes": (impostors.close, errors.ClosedError, "closed the connection"),
    "what hangs": (impostors.hang, errors.HangingError, "complete answer"),
}


@pytest.mark.parametrize("what", PLAIN)
def test_what_speaks_no_tls_is_told_apart(what: str) -> None:
    behave, expected, words = PLAIN[what]
    name, keys = make_keys()
    with impostors.listen("127.0.0.1", behave, port=0) as port:
        endpoint = make_endpoint("127.0.0.1", name, keys, port)
        _expect(endpoint, expected, words)


ENDLESS: Final = b"HTTP/1.1 200 OK\r\n"
SECURED: Final = {
    "a page": impostors.answer(impostors.PAGE),
    "a page for an error": impostors.answer(impostors.PAGE, b"502 Bad Gateway"),
    "a redirect": impostors.answer(b"", b"302 Found", b"Location: http://127.0.0.1:9/"),
    "JSON of another kind": impostors.answer(b"[[1]]"),
    "JSON too deep": impostors.answer(b"[" * 100_000),
    "no text": impostors.answer(b"\xff\xfe"),
    "no HTTP": impostors.repeat(b"SSH-2.0-OpenSSH_9.2\r\n", b""),
    "an endless body": impostors.repeat(ENDLESS + b"\r\n", b"a" * 65536),
    "an endless chunk": impostors.repeat(
        ENDLESS + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n", b"a" * 65536
    ),
    "endless chunks": impostors.repeat(
        ENDLESS + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n" * 9999
    ),
    "endless headers": impostors.repeat(ENDLESS, b"X-A: b\r\n" * 8192),
    "an endless header": impostors.repeat(ENDLESS + b"X-A: ", b"b" * 65536),
    "an endless beginning": impostors.repeat(
        b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 99
    ),
    "half a body": impostors.answer(b"", b"200 OK", b"Content-Length: 9", b"", b"OK"),
}


@pytest.mark.parametrize("what", SECURED)
def test_whoever_has_the_certificate_but_is_no_daemon_is_found_out(what: str) -> None:
    name, keys = make_keys()
    with impostors.listen("127.0.0.1", SECURED[what], keys=keys, port=0) as port:
        endpoint = make_endpoint("127.0.0.1", name, keys, port)
        # What has no end is ended by the limit or, on a busy machine, by the time.
        expected = errors.DockerError if "endless" in what else NOT_DOCKER
        _expect(endpoint, expected, "Docker port")


def test_words_of_a_daemon_are_one_line_that_can_be_printed() -> None:
    name, keys = make_keys()
    message = rb'{"message": "a\u0000b\ud800 c\n\u001b[2J\u202e"}'
    behave = impostors.answer(message, b"500 Internal Server Error")
    with impostors.listen("127.0.0.1", behave, keys=keys, port=0) as port:
        endpoint = make_endpoint("127.0.0.1", name, keys, port)
        with (
            Docker(endpoint, timeout=5) as docker,
            pytest.raises(errors.ApiError) as caught,
        ):
            docker.version()
        assert caught.value.message == "The Docker daemon answered: a?b? c ?[2J?."
    behave = impostors.answer(rb'{"Version": "1\u001b[2J"}')
    with impostors.listen("127.0.0.1", behave, keys=keys, port=0) as port:
        endpoint = make_endpoint("127.0.0.1", name, keys, port)
        with Docker(endpoint, timeout=5) as docker:
            assert docker.version() == "1?[2J"


def test_an_answer_of_a_byte_at_a_time_ends_at_the_deadline() -> None:
    name, keys = make_keys()
    with impostors.listen("127.0.0.1", impostors.trickle, keys=keys, port=0) as port:
        endpoint = make_endpoint("127.0.0.1", name, keys, port)
        _expect(endpoint, errors.HangingError, "complete answer")


def test_dates_of_the_certificate_are_told_apart() -> None:
    now = datetime.now(UTC)
    for began, expected, words in (
        (now - timedelta(days=9), errors.ExpiredCertificateError, "have expired"),
        (now + timedelta(days=9), errors.EarlyCertificateError, "not valid yet"),
    ):
        name, keys = make_keys(now=began)
        with impostors.listen("127.0.0.1", impostors.hang, keys=keys, port=0) as port:
            endpoint = make_endpoint("127.0.0.1", name, keys, port)
            _expect(endpoint, expected, words)


def test_where_nothing_listens_and_where_nobody_answers_are_told_apart() -> None:
    name, keys = make_keys()
    endpoint = make_endpoint(find_address(), name, keys)
    _expect(endpoint, errors.RefusedError, "Nothing accepts connections")
    # A listener whose queue is full answers no attempt to connect.
    with socket.create_server(("127.0.0.1", 0), backlog=0) as listener:
        place = listener.getsockname()
        held = [socket.socket() for _ in range(4)]
        for each in held:
            each.setblocking(False)
            each.connect_ex(place)
        endpoint = make_endpoint("127.0.0.1", name, keys, place[1])
        _expect(endpoint, errors.UnansweredError, "A firewall or security group")
        for each in held:
            each.close()


def test_no_key_shows_in_what_is_printed_or_left_open(real: Real) -> None:
    before = set(os.listdir("/proc/self/fd"))
    _ping(real.endpoint)
    with pytest.raises(errors.UnansweredError):
        _ping(real.endpoint, timeout=0.000001)
    assert set(os.listdir("/proc/self/fd")) == before
    assert "PRIVATE KEY" not in repr(real.endpoint) + repr(real.keys)


def _ping(endpoint: Endpoint, *, timeout: float = 10) -> None:
    with Docker(endpoint, timeout=timeout) as docker:
        docker.ping()
        docker.version()


def _expect(endpoint: Endpoint, expected: type[errors.DockerError], words: str) -> None:
    began = time.monotonic()
    with pytest.raises(expected, match=words) as caught:
        _ping(endpoint, timeout=1)
    assert time.monotonic() - began < 8
    assert caught.value.message.endswith(".")
