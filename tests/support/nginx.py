"""A real nginx with the shipped configuration, in front of a running service."""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from servers.drill.service import ROOT, free_port, wait_for
from servers.machine.certificates import Keys, issue_keys

CONFIGURATION = ROOT / "deploy" / "nginx.conf"
# The service's address, and the ports to listen on, which exist once per machine.
UPSTREAM = "server 127.0.0.1:8000 "
TLS = re.compile(r"^\s*(?:listen 443|ssl_).*\n", re.MULTILINE)
IPV6 = re.compile(r"^\s*listen \[.*\n", re.MULTILINE)
CERTIFICATES = "/etc/ssl/serverfleet/"

AROUND = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.log;
events {{ worker_connections 768; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {shipped}
}}
"""


def find_nginx() -> str:
    """Return the path of nginx, or ""."""
    return shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin") or ""


def adapt(port: int, *, upstream: int, https: int = 0, folder: Path) -> str:
    """Return the shipped file for these ports. Without one for HTTPS, without TLS."""
    text = CONFIGURATION.read_text()
    assert text.count(UPSTREAM) == 1
    assert text.count("listen 80;") == text.count("listen 443 ssl;") == 1
    assert text.count(CERTIFICATES) == 2
    text = IPV6.sub("", text).replace("listen 80;", f"listen 127.0.0.1:{port};")
    if https:
        text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{https} ssl;")
        text = text.replace(CERTIFICATES, f"{folder}/")
    else:
        text = TLS.sub("", text)
    return text.replace(UPSTREAM, f"server 127.0.0.1:{upstream} ")


@contextmanager
def run_nginx(upstream: int, https: int = 0, keys: Keys | None = None) -> Iterator[int]:
    """Run nginx in front of a port, and yield its own port for plain HTTP.

    For HTTPS, it has these keys, whose certificate names *localhost*.
    """
    folder = Path(tempfile.mkdtemp(prefix="sfn-", dir="/tmp"))
    folder.chmod(0o755)  # its workers run as another user
    port = free_port()
    file = folder / "nginx.conf"
    if keys is not None:
        (folder / "fullchain.pem").write_text(keys.daemon_cert)
        (folder / "privkey.pem").write_text(keys.daemon_key)
    shipped = adapt(port, upstream=upstream, https=https, folder=folder)
    file.write_text(AROUND.format(folder=folder, shipped=shipped))
    with (folder / "out.log").open("wb") as log:
        process = subprocess.Popen(
            [find_nginx(), "-p", str(folder), "-c", str(file)],
            stdout=log,
            stderr=log,
        )
    try:
        wait_for((folder / "pid").exists, 10, what=(folder / "out.log").read_text)
        yield port
    finally:
        process.terminate()
        process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def run_nginx_with_tls(upstream: int) -> Iterator[tuple[str, str]]:
    """Run nginx as it ships. Yield its address, and the CA of its certificate."""
    https, keys = free_port(), issue_keys("proxy.test", now=datetime.now(UTC), days=1)
    with run_nginx(upstream, https, keys):
        yield f"https://localhost:{https}", keys.ca_cert
