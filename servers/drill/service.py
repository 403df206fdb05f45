"""ServerFleet as users run it: ``python -m serverfleet.run.up`` in its own folder."""

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import requests

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120.0


def free_port() -> int:
    """Return a port that is currently free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Service:
    """One running copy. ``env`` extends its environment, and may set its folder."""

    def __init__(self, **env: str) -> None:
        # A short path, since the broker's socket is in it.
        self.data = Path(
            env.get("SERVERFLEET_DATA") or tempfile.mkdtemp(prefix="sfs-", dir="/tmp")
        )
        self.port = free_port()
        # A proxy's, if one is in front, and the file with its CA.
        self.url = f"http://127.0.0.1:{self.port}"
        self.ca = ""
        self.log_path = self.data / "service.log"
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("SERVERFLEET_") and not name.endswith("_URL")
        }
        self.env = {
            **clean,
            "SERVERFLEET_DATA": str(self.data),
            "PORT": str(self.port),
            "SERVERFLEET_ADMIN_PASSWORD": "correct-horse-battery",
            # Requests are counted as usual, but never refused.
            "SERVERFLEET_RATE_TOKEN": "100000000",
            "SERVERFLEET_RATE_ADDRESS": "100000000",
            # The clouds of the tests listen on this machine.
            "SERVERFLEET_ALLOW_PRIVATE_ENDPOINTS": "1",
            **env,
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.token = ""

    def start(self) -> "Service":
        """Start it and wait until it answers."""
        self.data.mkdir(exist_ok=True)
        with self.log_path.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "serverfleet.run.up"],
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_for(self.answers, START_SECONDS, what=self.log)
        found = re.search(r"API token +(sf_\S+)", self.log())
        self.token = found[1] if found else self.token
        return self

    def stop(self, number: signal.Signals = signal.SIGINT, seconds: float = 15) -> int:
        """Send a signal to the supervisor; return its exit code."""
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def __enter__(self) -> "Service":
        try:
            return self.start()
        except BaseException:  # nothing else would stop what was started
            self.__exit__()
            raise

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        wait_for(lambda: not self.processes(), 15)

    def log(self) -> str:
        """Return everything that it printed."""
        return self.log_path.read_text(errors="replace")

    def answers(self) -> bool:
        """Tell whether the web process answers."""
        try:
            return self.call("GET", "/healthz")[0] == 200
        except OSError:
            return False

    def call(
        self, method: str, path: str, body: Any = None, *, timeout: float = 20
    ) -> tuple[int, Any]:
        """Call the API, and return the status and the decoded answer."""
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        answer = requests.request(
            method,
            f"{self.url}{path}",
            json=body,
            headers=headers,
            timeout=timeout,
            verify=self.ca or True,
        )
        try:
            return answer.status_code, answer.json()
        except ValueError:
            return answer.status_code, answer.text

    def states(self) -> dict[str, str]:
        """Return the state of each server by name."""
        _, rows = self.call("GET", "/api/servers")
        return {row["name"]: row["state"] for row in rows}

    def wait_state(self, state: str, *names: str, seconds: float = 60) -> None:
        """Wait until the servers are all in a state."""

        def there() -> bool:
            states = self.states()
            return all(states.get(name) == state for name in names)

        wait_for(there, seconds, what=lambda: f"{self.states()}\n{self.log()[-3000:]}")

    def processes(self, words: str = "") -> list[int]:
        """Return the ids of its processes whose command line contains ``words``."""
        marks = (f"SERVERFLEET_DATA={self.data}\0").encode()
        found = []
        for folder in Path("/proc").glob("[0-9]*"):
            if folder.name == str(os.getpid()):  # a drill runs in the same environment
                continue
            try:
                mine = marks in (folder / "environ").read_bytes()
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
            except OSError:
                continue
            # The broker overwrites its environment with a title that names its socket.
            mine = mine or str(self.data).encode() in command
            if mine and words in command.decode(errors="replace") and command:
                found.append(int(folder.name))
        return found

    def command(
        self, *arguments: str, seconds: float = 60
    ) -> "subprocess.CompletedProcess[str]":
        """Run a management command in its environment, for at most ``seconds``."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            check=False,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=seconds,
        )


def wait_for(
    done: Callable[[], Any],
    seconds: float,
    *,
    what: Callable[[], str] = lambda: "",
) -> None:
    """Wait until ``done`` is true. Fail with ``what`` after ``seconds``."""
    ends = time.monotonic() + seconds
    while not done():
        if time.monotonic() > ends:
            raise AssertionError(f"not within {seconds} s: {what()}")
        time.sleep(0.05)
