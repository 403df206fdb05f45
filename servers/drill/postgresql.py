"""A PostgreSQL server for one drill: a temporary folder, a unix socket, no port."""

import contextlib
import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator
from glob import glob
from pathlib import Path
from typing import Any

START_SECONDS = 60.0
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


class MissingServerError(Exception):
    """PostgreSQL is not installed on this machine, or can't be started here."""


class PostgreSQL:
    """One server; ``url()`` names a database on it.

    If ``durable``, commits survive a SIGKILL of the server, though not a power cut.
    """

    def __init__(self, *, durable: bool = False) -> None:
        self.durable = durable
        self.bin = find_binaries()
        # A short path, since a unix socket's path is limited.
        self.folder = Path(tempfile.mkdtemp(prefix="sfpg-", dir="/tmp"))
        self._run_as = _unprivileged_user()
        if self._run_as:
            shutil.chown(self.folder, self._run_as)
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextlib.contextmanager
    def kept_alive(cls) -> Iterator["PostgreSQL"]:
        """Run a durable server for a block, and restart it whenever it is killed."""
        server = cls(durable=True)
        ended = threading.Event()

        def keep() -> None:
            while not ended.wait(0.2):
                if server.is_down():
                    with contextlib.suppress(MissingServerError):
                        server.run()

        keeper = threading.Thread(target=keep, daemon=True)
        try:
            server.start()
            keeper.start()
            yield server
        finally:
            ended.set()
            if keeper.ident is not None:
                keeper.join()
            server.stop()

    def start(self) -> None:
        """Create the database cluster and start the server."""
        self._call(
            "initdb", "-D", f"{self.folder}/data", "-U", "fleet", "-A", "trust",
            "--no-sync", "-E", "UTF8", "--locale=C",
        )  # fmt: skip
        try:
            self.run()
        except MissingServerError:
            self.stop()
            raise

    @property
    def pid(self) -> int:
        """The id of its main process."""
        assert self._process is not None
        return self._process.pid

    def is_down(self) -> bool:
        """Tell whether it has stopped."""
        return self._process is None or self._process.poll() is not None

    def run(self) -> None:
        """Start the server on its cluster, and wait until it answers."""
        settings = {
            "unix_socket_directories": self.folder,
            "listen_addresses": "",
            "fsync": "off",
            "synchronous_commit": "on" if self.durable else "off",
            "full_page_writes": "off",
            "max_connections": 300,
        }
        # A child of this process, not pg_ctl's daemon: it stops with the tests, even if
        # they are killed.
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(self.bin / "postgres"),
                    "-D",
                    f"{self.folder}/data",
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - takes no lock
                **_identity(self._run_as),
            )
        ends = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > ends:
                said = (self.folder / "log").read_text(errors="replace")
                raise MissingServerError(f"postgres did not start: {said[-500:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop it and remove its folder."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)  # at once, without a checkpoint
            self._process.wait(30)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        argv = [str(self.bin / "pg_isready"), "-q", "-h", str(self.folder)]
        return subprocess.run(argv, timeout=10, check=False).returncode == 0

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database."""
        return f"postgresql://fleet@/{database}?host={self.folder}"

    def create_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"t{uuid.uuid4().hex[:12]}"
        self._call("createdb", "-h", str(self.folder), "-U", "fleet", name)
        return self.url(name)

    def _call(self, program: str, *arguments: str) -> None:
        argv = [str(self.bin / program), *arguments]
        if self._run_as:
            argv = ["runuser", "-u", self._run_as, "--", *argv]
        done = subprocess.run(
            argv,
            cwd="/",
            check=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
        if done.returncode:
            raise MissingServerError(f"{program} failed: {done.stderr[-500:]}")


def _identity(user: str) -> dict[str, Any]:
    if not user:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _end_with_parent() -> None:
    """Have Linux stop this process at once when its parent ends."""
    if sys.platform.startswith("linux"):
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGQUIT))


def find_binaries() -> Path:
    """Return the folder of PostgreSQL's programs, or raise MissingServerError."""
    on_path = shutil.which("pg_ctl")
    found = sorted(glob("/usr/lib/postgresql/*/bin/pg_ctl"))
    if not on_path and not found:
        raise MissingServerError("no pg_ctl on PATH or in /usr/lib/postgresql")
    return Path(found[-1] if found else str(on_path)).parent


def _unprivileged_user() -> str:
    """Return the user to run PostgreSQL as: it refuses to run as root."""
    if os.getuid() != 0:
        return ""
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise MissingServerError("no unprivileged user to run it as")
