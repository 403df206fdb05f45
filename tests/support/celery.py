"""Additional workers and schedulers beside those of a running service."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from servers.drill.service import ROOT, Service

WORKER: Final = (
    "worker",
    "-P",
    "threads",
    "-c",
    "8",
    "--without-gossip",
    "--without-mingle",
)


@contextmanager
def running(
    service: Service, *arguments: str, **env: str
) -> Iterator["subprocess.Popen[bytes]"]:
    """Run one Celery process on the service's data for a block."""
    command = [sys.executable, "-m", "celery", "-A", "serverfleet", "--quiet"]
    with (service.data / "more.log").open("ab") as log:
        process = subprocess.Popen(
            [*command, *arguments],
            cwd=ROOT,
            env={**service.env, "SERVERFLEET_HTTPS": "0", **env},
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
