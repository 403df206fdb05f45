"""Only the web processes, as served: gunicorn, hashed static files, strict policy.

They use the database of the tests. So a test creates what the pages show with the ORM
and a ``Workshop``, and sees what the pages did.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.drill.service import ROOT, free_port, wait_for


@contextmanager
def run_site(database: Path | str, *, workers: int = 1) -> Iterator[str]:
    """Serve a database (SQLite file or PostgreSQL URL), and yield the address."""
    data = Path(tempfile.mkdtemp(prefix="sfw-", dir="/tmp"))
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    env = {
        **os.environ,
        "PORT": str(port),
        "SERVERFLEET_WEB_WORKERS": str(workers),
        "SERVERFLEET_DATA": str(data),
        "SERVERFLEET_PUBLIC_URL": address,
        "SERVERFLEET_LOG_LEVEL": "ERROR",
    }
    if isinstance(database, Path):
        (data / "serverfleet.sqlite3").symlink_to(database)
    else:
        env["DATABASE_URL"] = database
    subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput", "-v", "0"],
        cwd=ROOT,
        env=env,
        check=True,
    )
    with (data / "web.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn"),
                *("-c", "python:serverfleet.web.webserver"),
            ],
            cwd=ROOT,
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_for(lambda: _answers(address), 90, what=(data / "web.log").read_text)
        yield address
    finally:
        process.send_signal(signal.SIGINT)  # it does not wait for open connections
        process.wait(15)
        shutil.rmtree(data, ignore_errors=True)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(f"{address}/healthz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):
        return False
