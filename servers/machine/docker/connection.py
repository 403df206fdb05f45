"""One connection to a server's Docker daemon, by mutual TLS, with a total deadline.

Whoever can answer on the address may try anything: hang, answer a byte a minute or
without end, be another server's daemon, a proxy or a plain web server. So every wait is
counted against one deadline, and every byte against one limit, in ``Wire``.

The daemon's certificate is checked in full and always: its chain to the server's own
authority, its dates, and the server's stable name. No proxy or other setting of the
environment has any effect.
"""

import io
import ipaddress
import os
import socket
import ssl
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from typing import Any, Final

from servers.addresses import is_loopback, is_never
from servers.machine.docker import DOCKER_PORT
from servers.machine.docker.errors import (
    NOT_DOCKER,
    CertificateError,
    ClientRejectedError,
    ClosedError,
    DockerError,
    EarlyCertificateError,
    ExpiredCertificateError,
    ForbiddenAddressError,
    HangingError,
    NotDockerError,
    NotReachedError,
    RefusedError,
    UnansweredError,
)

MAX_BYTES: Final = 8 * 1024 * 1024  # of all answers on one connection

# The verify codes of OpenSSL that say more than that the chain is wrong.
_NOT_YET_VALID: Final = 9
_EXPIRED: Final = 10


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server's daemon is, who it must prove to be, and how to prove oneself.

    ``address`` is what the cloud reported. ``name`` is the server's stable name. The
    rest are PEM. ``loopback`` is for a simulated cloud: it allows addresses of this
    machine and no others, since its addresses may belong to somebody else's machines.
    """

    address: str
    name: str
    ca_cert: str
    client_cert: str
    client_key: str = field(repr=False)
    port: int = DOCKER_PORT
    loopback: bool = False


class Wire(io.RawIOBase):
    """The bytes of a connection, each read within the deadline and the limit."""

    def __init__(self, connection: ssl.SSLSocket, *, ends: float) -> None:
        self.connection = connection
        self.ends = ends
        self.left = MAX_BYTES

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        """Return what http.client reads an answer from."""
        return io.BufferedReader(self)

    def readable(self) -> bool:
        """Tell that one can read from it."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what has arrived. Raise TimeoutError or NotDockerError."""
        self.connection.settimeout(find_rest(self.ends))
        count = self.connection.recv_into(buffer)
        self.left -= count
        if self.left < 0:
            raise NotDockerError(
                "Something on the Docker port sends an endless answer. Check "
                "which program listens there."
            )
        return count

    def sendall(self, data: bytes) -> None:
        """Send all of ``data``. Raise TimeoutError."""
        view = memoryview(data)
        while view:
            self.connection.settimeout(find_rest(self.ends))
            view = view[self.connection.send(view) :]

    def close(self) -> None:
        """Leave the connection open: an answer has ended, not the connection."""


def find_rest(ends: float) -> float:
    """Return the seconds until ``ends`` on the monotonic clock. Raise TimeoutError."""
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def open_connection(
    endpoint: Endpoint,
    *,
    ends: float,
    newest: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED,
) -> ssl.SSLSocket:
    """Connect and check who answers. Raise a DockerError that says what is wrong.

    ``ends`` is when to give up, on the monotonic clock.
    """
    context = make_context(endpoint)
    context.maximum_version = newest
    plain = open_plain(endpoint, ends=ends)
    try:
        plain.settimeout(find_rest(ends))
        return context.wrap_socket(plain, server_hostname=endpoint.name)
    except (OSError, ValueError) as error:
        plain.close()
        raise explain_failure(error) from None


def open_plain(endpoint: Endpoint, *, ends: float) -> socket.socket:
    """Connect without TLS, if the address is one to connect to."""
    _check_address(endpoint)
    place = (endpoint.address, endpoint.port)
    try:
        plain = socket.create_connection(place, timeout=find_rest(ends))
    except OSError as error:
        raise _explain_unreached(endpoint, error) from None
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return plain


def check_acceptance(endpoint: Endpoint, *, ends: float) -> None:
    """Raise ClientRejectedError if the daemon does not accept the client.

    By TLS 1.3 it says so only after the handshake, and then closes the connection. If a
    request is on its way by then, the reason is lost. By TLS 1.2 the reason comes in
    the handshake.
    """
    try:
        open_connection(endpoint, ends=ends, newest=ssl.TLSVersion.TLSv1_2).close()
    except ClientRejectedError:
        raise
    except DockerError:
        pass  # it tells less than the failure that is known already


def make_context(endpoint: Endpoint) -> ssl.SSLContext:
    """Return the checks of one server's daemon, with the client's own certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks the name and the chain
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        context.load_verify_locations(cadata=endpoint.ca_cert)
        with _as_file(endpoint.client_cert + endpoint.client_key) as path:
            context.load_cert_chain(path)
    except (ssl.SSLError, ValueError, OSError):
        raise CertificateError(
            "The server has no usable certificates. Terminate it and create another."
        ) from None
    return context


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """Give a text a path while OpenSSL reads it. It never reaches a disk on Linux."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("serverfleet", os.MFD_CLOEXEC)
        try:
            os.write(descriptor, text.encode())
            yield f"/proc/self/fd/{descriptor}"
        finally:
            os.close(descriptor)
        return
    with tempfile.NamedTemporaryFile("w") as file:  # readable by its owner alone
        file.write(text)
        file.flush()
        yield file.name


def _check_address(endpoint: Endpoint) -> None:
    try:
        address = ipaddress.ip_address(endpoint.address)
    except ValueError:
        raise ForbiddenAddressError(
            "The cloud did not report an IP address for the instance. "
            "ServerFleet connects only to IP addresses."
        ) from None
    if endpoint.loopback and not is_loopback(address):
        raise ForbiddenAddressError(
            "The instance is simulated, so no Docker daemon runs on it. To connect to "
            "one, create a server in an account of a real cloud."
        )
    if is_never(address) or (is_loopback(address) and not endpoint.loopback):
        raise ForbiddenAddressError(
            f"The cloud reported {endpoint.address}, which is an address of this "
            "machine or a link-local address. ServerFleet does not connect to these. "
            "Correct the template's network or terminate the server."
        )


def _explain_unreached(endpoint: Endpoint, error: OSError) -> DockerError:
    place = f"{endpoint.address} port {endpoint.port}"
    if isinstance(error, ConnectionRefusedError):
        return RefusedError(f"Nothing accepts connections on {place}.")
    if isinstance(error, TimeoutError):
        return UnansweredError(
            f"Nothing answers on {place}. A firewall or security group may be "
            "in the way."
        )
    return NotReachedError(
        f"{place} can't be reached ({error.strerror or type(error).__name__}). Check "
        "the network between ServerFleet and the instance."
    )


def explain_failure(error: Exception) -> DockerError:
    """Return what it means that an open connection failed."""
    if isinstance(error, DockerError):
        return error
    if isinstance(error, ssl.SSLCertVerificationError):
        return _explain_certificate(error)
    if isinstance(error, TimeoutError):
        return HangingError(
            "The Docker port accepts connections, but didn't send a complete "
            "answer in time."
        )
    if isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or ""):
        return _explain_alert(error.reason)
    if isinstance(error, ssl.SSLError) and not isinstance(
        error, ssl.SSLEOFError | ssl.SSLZeroReturnError
    ):
        return NotDockerError(
            "Something answers on the Docker port without TLS. Check which program "
            "listens there, and that Docker's configuration was not replaced."
        )
    if isinstance(error, OSError):
        return ClosedError("The Docker port closed the connection without an answer.")
    return NotDockerError(NOT_DOCKER)


def _explain_alert(reason: str) -> DockerError:
    """Return what it means that the other side ended TLS with an alert."""
    said = reason.rsplit("ALERT_", maxsplit=1)[-1].replace("_", " ").lower()
    if "certificate" in said or said == "unknown ca":
        return ClientRejectedError(
            f"The daemon does not accept ServerFleet's certificate ({said}). If the "
            "instance's clock is wrong, this passes once it is set."
        )
    return NotDockerError(
        f"What answers on the Docker port refuses the TLS connection ({said}). Check "
        "which program listens there."
    )


def _explain_certificate(error: ssl.SSLCertVerificationError) -> CertificateError:
    if error.verify_code == _NOT_YET_VALID:
        return EarlyCertificateError(
            "The daemon's certificate is not valid yet. Check the clock of the machine "
            "that ServerFleet runs on."
        )
    if error.verify_code == _EXPIRED:
        return ExpiredCertificateError(
            "The server's certificates have expired. Terminate it and create another."
        )
    return CertificateError(
        "What answers on the Docker port does not have this server's "
        "certificate. Another instance may have the address now, or Docker's "
        "configuration was replaced."
    )


@contextmanager
def explain_failures() -> Iterator[None]:
    """Turn whatever an answer can provoke into a DockerError."""
    try:
        yield
    except (OSError, ValueError, HTTPException, RecursionError) as error:
        raise explain_failure(error) from None
