"""A moto server process: EC2's API over real HTTP, on its own loopback port."""

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

from servers.drill.service import free_port

START_SECONDS = 60


@contextlib.contextmanager
def run_moto() -> Iterator[str]:
    """Run a moto server for a block, and yield its URL."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "MOTO_EC2_LOAD_DEFAULT_AMIS": "true"},
    )
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(process, f"{url}/moto-api/data.json")
        _load_ec2(url)
        yield url
    finally:
        process.kill()
        process.wait()


def reset_moto(url: str) -> None:
    """Reset the server's state."""
    request = urllib.request.Request(f"{url}/moto-api/reset", method="POST")
    with urllib.request.urlopen(request, timeout=30):
        pass


def _load_ec2(url: str) -> None:
    """Send a first request, for which moto loads its code and images for seconds."""
    signed = "AWS4-HMAC-SHA256 Credential=a/20260101/eu-central-1/ec2/aws4_request"
    request = urllib.request.Request(
        f"{url}/?Action=DescribeImages&MaxResults=5&Version=2016-11-15",
        headers={"Authorization": signed},
    )
    with urllib.request.urlopen(request, timeout=START_SECONDS):
        pass


def _wait(process: "subprocess.Popen[bytes]", url: str) -> None:
    ends = time.monotonic() + START_SECONDS
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            if process.poll() is not None or time.monotonic() > ends:
                raise RuntimeError("the moto server did not start") from None
            time.sleep(0.1)
