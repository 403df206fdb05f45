"""A real Caddy with the shipped configuration, in front of a running service."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from servers.drill.service import ROOT, free_port, wait_for

CONFIGURATION = ROOT / "deploy" / "Caddyfile"
NAME = "fleet.example.com"
UPSTREAM = "reverse_proxy 127.0.0.1:8000 "
# The first that knows request_buffers.
OLDEST = (2, 7)

# What else it needs here: its own ports, certificates and files, nothing of the system.
AROUND = """{{
	admin off
	persist_config off
	storage file_system "{folder}"
	local_certs
	skip_install_trust
	default_bind 127.0.0.1
	http_port {http}
	https_port {https}
"""


def find_caddy() -> str:
    """Return the path of a Caddy that is new enough, or ""."""
    beside = str(Path(sys.executable).parent)
    path = shutil.which("caddy", path=f"{beside}:{os.environ.get('PATH', '')}")
    if path is None:
        return ""
    said = subprocess.run([path, "version"], capture_output=True, text=True, timeout=30)
    found = re.match(r"v?(\d+)\.(\d+)", said.stdout)
    new = found is not None and (int(found[1]), int(found[2])) >= OLDEST
    return path if new else ""


def adapt(folder: Path, *, http: int, https: int, upstream: int) -> str:
    """Return the shipped file for these ports, with certificates of its own."""
    text = CONFIGURATION.read_text()
    assert text.count(NAME) == 2
    assert text.count(UPSTREAM) == 1
    assert text.count("\n{\n") == 1
    around = AROUND.format(folder=folder, http=http, https=https)
    text = text.replace("\n{\n", f"\n{around}", 1).replace(NAME, "127.0.0.1")
    return text.replace(UPSTREAM, f"reverse_proxy 127.0.0.1:{upstream} ")


@contextmanager
def run_caddy(
    upstream: int, https: int = 0, folder: Path | None = None
) -> Iterator[int]:
    """Run Caddy in front of a port, and yield its own port for plain HTTP."""
    folder = folder or Path(tempfile.mkdtemp(prefix="sfc-", dir="/tmp"))
    port = free_port()
    file = folder / "Caddyfile"
    file.write_text(
        adapt(folder, http=port, https=https or free_port(), upstream=upstream)
    )
    log_path = folder / "out.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [find_caddy(), "run", "--adapter", "caddyfile", "--config", str(file)],
            env=os.environ | {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
            stdout=log,
            stderr=log,
        )

    def listens() -> bool:
        with socket.socket() as link:
            return link.connect_ex(("127.0.0.1", port)) == 0

    try:
        wait_for(listens, 60, what=log_path.read_text)
        yield port
    finally:
        process.kill()  # it would wait for its clients
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def run_caddy_with_tls(upstream: int) -> Iterator[tuple[str, str]]:
    """Run Caddy as it ships. Yield its address, and the CA of its certificate."""
    https, folder = free_port(), Path(tempfile.mkdtemp(prefix="sfc-", dir="/tmp"))
    root = folder / "pki/authorities/local/root.crt"
    with run_caddy(upstream, https, folder):
        wait_for(root.exists, 20)
        yield f"https://127.0.0.1:{https}", root.read_text()
