"""A PostgreSQL server of the tests' own: a temporary folder, a unix socket, no port."""

import os
import pwd
import shutil
import subprocess
import tempfile
import uuid
from glob import glob
from pathlib import Path


class MissingServerError(Exception):
    """There is no PostgreSQL server on this machine, or it can't be started here."""


class PostgreSQL:
    """One server; ``url()`` names a database on it."""

    def __init__(self) -> None:
        self.bin = _find_binaries()
        # Short: the path of a unix socket has a limit.
        self.folder = Path(tempfile.mkdtemp(prefix="sfpg-", dir="/tmp"))
        self._run_as = _unprivileged_user()
        if self._run_as:
            shutil.chown(self.folder, self._run_as)

    def start(self) -> None:
        """Make the cluster and start it. Durability is off: a test needs none."""
        self._call(
            "initdb", "-D", f"{self.folder}/data", "-U", "fleet", "-A", "trust",
            "--no-sync", "-E", "UTF8", "--locale=C",
        )  # fmt: skip
        options = (
            f"-k {self.folder} -c listen_addresses='' -c fsync=off -c "
            "synchronous_commit=off -c full_page_writes=off -c max_connections=300"
        )
        self._call(
            "pg_ctl", "-D", f"{self.folder}/data", "-w", "-l", f"{self.folder}/log",
            "-o", options, "start",
        )  # fmt: skip

    def stop(self) -> None:
        """Stop it and remove its folder."""
        try:
            self._call("pg_ctl", "-D", f"{self.folder}/data", "-m", "immediate", "stop")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, database: str = "postgres") -> str:
        """Return the URL of a database."""
        return f"postgresql://fleet@/{database}?host={self.folder}"

    def create_database(self) -> str:
        """Make an empty database; return its URL."""
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
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
        )
        if done.returncode:
            raise MissingServerError(f"{program} failed: {done.stderr[-500:]}")


def _find_binaries() -> Path:
    on_path = shutil.which("pg_ctl")
    found = sorted(glob("/usr/lib/postgresql/*/bin/pg_ctl"))
    if not on_path and not found:
        raise MissingServerError("no pg_ctl on PATH or in /usr/lib/postgresql")
    return Path(found[-1] if found else str(on_path)).parent


def _unprivileged_user() -> str:
    """PostgreSQL refuses to run as root."""
    if os.getuid() != 0:
        return ""
    for name in ("postgres", "nobody"):
        try:
            pwd.getpwnam(name)
        except KeyError:
            continue
        return name
    raise MissingServerError("no unprivileged user to run it as")
