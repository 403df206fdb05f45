"""Readiness by TCP: a port that accepts connections."""

import ipaddress
import socket
import time

from servers.addresses import is_loopback, is_never, resolve

NOT_YET = "It has an address but is not ready for builds yet."
NOT_TRIED = (
    "The cloud reported an address of this machine or a link-local address. "
    "ServerFleet does not connect to these. Correct the template's network or "
    "terminate the server."
)


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
