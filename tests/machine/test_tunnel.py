"""The local socket to a server's daemon, used by Docker's own command line."""

import os
import pty
import re
import shutil
import socket
import stat
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from servers.machine.docker.connection import Endpoint
from servers.machine.docker.tunnel import Tunnel
from tests.support import impostors
from tests.support.dockerd import IMAGE, Dockerd, make_endpoint, make_keys, run_dockerd

pytestmark = pytest.mark.pure


class Open(NamedTuple):
    daemon: Dockerd
    endpoint: Endpoint
    path: Path


@contextmanager
def opened(endpoint: Endpoint) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="sft-", dir="/tmp"))
    tunnel = Tunnel(endpoint, folder / "docker.sock")
    threading.Thread(target=tunnel.serve, daemon=True).start()
    try:
        yield tunnel.path
    finally:
        tunnel.close()
        assert not tunnel.path.exists()
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def tunnel() -> Iterator[Open]:
    name, keys = make_keys()
    with run_dockerd(keys) as daemon:
        daemon.run("sleep", "600", name="box")
        endpoint = make_endpoint(daemon.address, name, keys)
        with opened(endpoint) as path:
            yield Open(daemon, endpoint, path)


def docker(
    path: Path, *words: str, stdin: bytes = b""
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["docker", "-H", f"unix://{path}", *words],
        input=stdin,
        capture_output=True,
        timeout=60,
    )


def test_its_owner_alone_can_open_the_socket(tunnel: Open) -> None:
    assert stat.S_IMODE(tunnel.path.stat().st_mode) == 0o600


def test_calls_run_through_and_input_ends_before_its_answer(tunnel: Open) -> None:
    names = docker(tunnel.path, "ps", "--format", "{{.Names}}").stdout
    assert names.decode().split() == ["box"]
    # The container answers once its input has ended, and before, and for a long time.
    for script in ("wc -c", "echo early; sleep 0.3; wc -c; sleep 0.3; echo late"):
        words = ("exec", "-i", "box", "sh", "-c", script)
        done = docker(tunnel.path, *words, stdin=b"x" * 5_000_000)
        assert done.returncode == 0, done.stderr
        assert b"5000000" in done.stdout
    assert done.stdout.split() == [b"early", b"5000000", b"late"]
    done = docker(tunnel.path, "exec", "-i", "box", "cat", stdin=bytes(3_000_000))
    assert done.stdout == bytes(3_000_000)
    failed = docker(tunnel.path, "exec", "box", "sh", "-c", "exit 7")
    assert failed.returncode == 7


def test_a_terminal_works_both_ways(tunnel: Open) -> None:
    ours, theirs = pty.openpty()
    words = ["docker", "-H", f"unix://{tunnel.path}", "exec", "-it", "box", "sh"]
    with subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs) as shell:
        os.close(theirs)
        os.write(ours, b"echo $((6*7))00; exit 3\n")
        said = b""
        while b"4200" not in said:
            said += os.read(ours, 4096)
        assert shell.wait(20) == 3
    os.close(ours)


def test_what_was_followed_ends_with_the_client_and_with_the_tunnel(
    tunnel: Open,
) -> None:
    with opened(tunnel.endpoint) as path:
        words = ["docker", "-H", f"unix://{path}", "events"]
        with subprocess.Popen(words, stdout=subprocess.PIPE) as follower:
            _wait_for_carriers(1)
            follower.kill()
        _wait_for_carriers(0)
        stays = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=-3)
        _wait_for_carriers(1)
    assert stays.wait(20) is not None
    _wait_for_carriers(0)


def _wait_for_carriers(count: int) -> None:
    ends = time.monotonic() + 20
    while len([t for t in threading.enumerate() if "_carry" in t.name]) != count:
        assert time.monotonic() < ends, threading.enumerate()
        time.sleep(0.02)


def test_each_connection_is_verified_and_a_client_is_told_what_is_wrong(
    tunnel: Open,
) -> None:
    name, other = make_keys()
    wrong = {
        "does not have this server's certificate": replace(tunnel.endpoint, name=name),
        "does not accept ServerFleet's certificate": replace(
            tunnel.endpoint,
            client_cert=other.client_cert,
            client_key=other.client_key,
        ),
        "Nothing accepts connections": replace(tunnel.endpoint, port=1),
    }
    for words, endpoint in wrong.items():
        with opened(endpoint) as path:
            said = docker(path, "ps").stderr.decode()
        assert words in said, said
    with impostors.listen("127.0.0.1", impostors.page, port=0) as port:
        endpoint = make_endpoint("127.0.0.1", name, other, port)
        with opened(endpoint) as path:
            assert "without TLS" in docker(path, "ps").stderr.decode()


def test_a_path_that_is_taken_is_refused(tunnel: Open) -> None:
    with pytest.raises(OSError, match=re.escape("Address already in use")):
        Tunnel(tunnel.endpoint, tunnel.path)
    assert docker(tunnel.path, "run", "--rm", "--network=none", IMAGE, "true")
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tunnel.path))  # and goes without a word
    assert docker(tunnel.path, "ps").returncode == 0
