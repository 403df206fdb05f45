"""The way out to clouds: a proxy, and certificates that nobody vouches for."""

import select
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.receivers import receive_more


class Proxy:
    """An HTTP proxy that leads every name to one port of this machine."""

    def __init__(self, target: str, *, answer: bytes = b"") -> None:
        self.target = urlsplit(target).port or 0
        self.answer = answer
        self.asked: list[str] = []
        self.authorization: list[str] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                threading.Thread(
                    target=self._serve, args=(connection,), daemon=True
                ).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += receive_more(client)
            lines = head.decode("latin-1").split("\r\n")
            self.asked.append(lines[0])
            self.authorization += [
                line for line in lines if line.lower().startswith("proxy-auth")
            ]
            if self.answer:
                client.sendall(self.answer)
                return
            with socket.create_connection(("127.0.0.1", self.target)) as server:
                if lines[0].startswith("CONNECT"):
                    client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                else:
                    path = urlsplit(lines[0].split()[1]).path
                    first = head.replace(
                        lines[0].encode(), f"POST {path} HTTP/1.1".encode(), 1
                    )
                    server.sendall(first)
                self._relay(client, server)

    @staticmethod
    def _relay(client: socket.socket, server: socket.socket) -> None:
        ends = {client: server, server: client}
        while True:
            readable, _, _ = select.select(list(ends), [], [], 20)
            for end in readable:
                data = end.recv(65536)
                if not data:
                    return
                ends[end].sendall(data)


@contextmanager
def proxying(target: str, **more: Any) -> Iterator[Proxy]:
    proxy = Proxy(target, **more)
    try:
        yield proxy
    finally:
        proxy.listener.close()


def forget_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take all settings of proxies out of the environment."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def make_certificate(folder: Path, host: str) -> tuple[ssl.SSLContext, Path]:
    """Return a server's side of TLS for a host, and the certificate to believe."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "both.pem"
    plain = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(plain + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context, path
