"""Readiness by TCP: a port that accepts connections."""

import ipaddress
import socket
import time
from dataclasses import dataclass
from datetime import datetime

from servers.addresses import is_loopback, is_never, resolve
from servers.lifecycle.conditions import Met, NotYet

NOT_YET = "It has an address but is not ready for builds yet."
NOT_TRIED = (
    "The cloud reported an address of this machine or a link-local address. "
    "ServerFleet does not connect to these. Correct the template's network or "
    "terminate the server."
)


@dataclass(frozen=True, slots=True)
class OpenPort:
    """The condition that a port accepts connections."""

    port: int
    loopback: bool = False

    def judge(self, address: str, _now: datetime) -> "TryPort":
        """Return the look that tells."""
        return TryPort(address, self.port, self.loopback)


@dataclass(frozen=True, slots=True)
class TryPort:
    """Connect to a port once."""

    address: str
    port: int
    loopback: bool

    def __call__(self, *, timeout: float) -> Met | NotYet:
        """Return whether it accepts the connection."""
        wrong = try_port(
            self.address, self.port, timeout=timeout, loopback=self.loopback
        )
        return NotYet(wrong) if wrong else Met(f"Port {self.port} accepts connections.")


def try_port(address: str, port: int, *, timeout: float, loopback: bool = False) -> str:
    """Return "" if ``address`` accepts a TCP connection, otherwise why not.

    ``address`` is where the cloud says the instance is. ``loopback`` allows this
    machine itself, as for a simulated cloud. ``timeout`` is in seconds, for all tries
    together.
    """
    ends = time.monotonic() + timeout
    try:
        found = resolve(address, port)
    except (OSError, UnicodeError):
        return NOT_YET
    fit = [each for each in found if _may_try(each, loopback=loopback)]
    for each in fit:
        left = ends - time.monotonic()
        if left <= 0:
            break
        try:
            with socket.create_connection((each, port), timeout=left):
                return ""
        except OSError:
            continue
    return NOT_YET if fit or not found else NOT_TRIED


def _may_try(text: str, *, loopback: bool) -> bool:
    address = ipaddress.ip_address(text)
    return not is_never(address) and (loopback or not is_loopback(address))
