"""Real Docker daemons, each on a loopback address of its own and on port 2376.

Each runs as the first process of a PID and mount namespace of its own. So whatever ends
it takes its containers and mounts along, and nothing is left on this machine.
"""

import json
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Final
from uuid import uuid4

import pytest

from servers.machine.certificates import Keys, issue_keys, name_server
from servers.machine.docker import DOCKER_PORT
from servers.machine.docker.connection import Endpoint

IMAGE: Final = "busybox:test"
_PROGRAMS: Final = ("sh", "sleep", "cat", "echo", "kill", "true", "nc", "ls", "wc")
_NO_NETWORK: Final = (
    *("--bridge=none", "--iptables=false", "--ip6tables=false"),
    *("--ip-forward=false", "--ip-masq=false"),
)


def explain_missing() -> str:
    """Return why no daemon can run on this machine, or ""."""
    if os.geteuid() != 0:
        return "only root can start a Docker daemon"
    for program in ("dockerd", "docker", "busybox", "unshare"):
        if not shutil.which(program):
            return f"there is no {program}"
    tried = subprocess.run(["unshare", "-p", "-m", "-f", "true"], capture_output=True)
    return "this machine allows no namespaces" if tried.returncode else ""


def require_dockerd() -> None:
    """Skip the test if no daemon can run on this machine."""
    if missing := explain_missing():
        pytest.skip(missing)


def find_address() -> str:
    """Return a loopback address on which nothing listens on the Docker port."""
    while True:
        # Other test runs on this machine choose at random, too.
        number = secrets.randbelow(2**24 - 4) + 2
        address = f"127.{number >> 16}.{number >> 8 & 255}.{number & 255}"
        with socket.socket() as probe:
            try:
                probe.bind((address, DOCKER_PORT))
            except OSError:
                continue
            return address


def make_keys(*, now: datetime | None = None, days: float = 1) -> tuple[str, Keys]:
    """Return the stable name and the keys of a server that nobody has."""
    name = name_server(uuid4())
    return name, issue_keys(name, now=now or datetime.now(UTC), days=days)


def make_endpoint(address: str, name: str, keys: Keys, port: int = 0) -> Endpoint:
    """Return how to reach a daemon with these keys."""
    return Endpoint(
        address=address,
        name=name,
        ca_cert=keys.ca_cert,
        client_cert=keys.client_cert,
        client_key=keys.client_key,
        port=port or DOCKER_PORT,
        loopback=True,
    )


FOLDER: Final = "/etc/docker"


class Dockerd:
    """A daemon that starts with given files in ``/etc/docker``, and its defaults.

    It sees them there, and nobody else does. ``files`` are named relative to that
    folder, and ``daemon.json`` is among them. Of what it says, only the addresses to
    listen on are replaced: each daemon has its own here.
    """

    def __init__(self, files: Mapping[str, str], *, address: str = "") -> None:
        require_dockerd()
        self.address = address or find_address()
        # Short, because a socket's path may have at most 107 characters.
        self.folder = Path(tempfile.mkdtemp(prefix="sfd-", dir="/tmp"))
        self.socket = self.folder / "sock"
        self.log = self.folder / "log"
        self.etc = self.folder / "etc"
        for name, text in files.items():
            path = self.etc / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._listen_apart()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers. Skip the test if it can't run here."""
        daemon = [
            *("dockerd", "--storage-driver", "vfs", *_NO_NETWORK),
            *("--data-root", str(self.folder / "data")),
            *("--exec-root", str(self.folder / "exec")),
            *("--pidfile", str(self.folder / "pid")),
        ]
        Path(FOLDER).mkdir(exist_ok=True)
        inside = f"mount --bind {self.etc} {FOLDER} && exec {shlex.join(daemon)}"
        words = [
            *("unshare", "--pid", "--mount", "--fork", "--kill-child", "--mount-proc"),
            *("sh", "-c", inside),
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log)
        ends = time.monotonic() + 30
        while not self._answers():
            if self.process.poll() is not None or time.monotonic() > ends:
                said = self.log.read_text().strip().splitlines()[-1:]
                self.stop()
                pytest.skip(f"dockerd does not run here: {said}")
            time.sleep(0.05)
        self._add_image()

    def _listen_apart(self) -> None:
        path = self.etc / "daemon.json"
        settings = json.loads(path.read_text())
        assert f"tcp://0.0.0.0:{DOCKER_PORT}" in settings["hosts"]
        tcp = f"tcp://{self.address}:{DOCKER_PORT}"
        path.write_text(
            json.dumps({**settings, "hosts": [f"unix://{self.socket}", tcp]})
        )

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client, socket.socket() as secured:
            client.settimeout(5)
            try:
                client.connect(str(self.socket))
                client.sendall(b"GET /_ping HTTP/1.0\r\n\r\n")
                secured.connect((self.address, DOCKER_PORT))
                return b" 200 " in client.recv(100)
            except OSError:
                return False

    def _add_image(self) -> None:
        if self.docker("images", "--quiet", IMAGE):
            return
        packed = BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(str(shutil.which("busybox")), "bin/busybox", recursive=False)
            for program in _PROGRAMS:
                link = tarfile.TarInfo(f"bin/{program}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                tar.addfile(link)
        self.docker("import", "-", IMAGE, stdin=packed.getvalue())

    def docker(self, *words: str, stdin: bytes = b"") -> str:
        """Run the command line over the daemon's own socket. It must succeed."""
        done = subprocess.run(
            ["docker", "-H", f"unix://{self.socket}", *words],
            input=stdin,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout.decode().strip()

    def run(self, *words: str, name: str, labels: Mapping[str, str] = {}) -> str:
        """Start a container in the background, and return its id."""
        marks = [word for each in labels.items() for word in ("-l", "=".join(each))]
        given = ("--network", "none", "--name", name, *marks, IMAGE, *words)
        return self.docker("run", "--detach", *given)

    def send(self, number: signal.Signals) -> None:
        """Send the daemon itself a signal: SIGSTOP makes it hang, SIGKILL ends it."""
        assert self.process is not None
        pid = self.process.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            os.kill(int(child), number)
        if number is signal.SIGKILL:
            self.process.wait(30)

    def stop(self) -> None:
        """End it with all its containers, and remove what it stored."""
        if self.process is not None and self.process.poll() is None:
            self.send(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def run_dockerd(keys: Keys, *, address: str = "") -> Iterator[Dockerd]:
    """Run a daemon with a server's keys."""
    settings = {
        "hosts": [f"tcp://0.0.0.0:{DOCKER_PORT}"],
        "tlsverify": True,
        "tlscacert": f"{FOLDER}/ca.pem",
        "tlscert": f"{FOLDER}/cert.pem",
        "tlskey": f"{FOLDER}/key.pem",
    }
    files = {
        "daemon.json": json.dumps(settings),
        "ca.pem": keys.ca_cert,
        "cert.pem": keys.daemon_cert,
        "key.pem": keys.daemon_key,
    }
    with run_with_files(files, address=address) as daemon:
        yield daemon


@contextmanager
def run_with_files(files: Mapping[str, str], *, address: str = "") -> Iterator[Dockerd]:
    """Run a daemon with these files in ``/etc/docker``."""
    daemon = Dockerd(files, address=address)
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.stop()
