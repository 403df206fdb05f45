"""Readiness by TCP: a port that accepts connections."""

import socket


def accepts_connections(address: str, port: int, *, timeout: float) -> bool:
    """Tell whether ``address`` takes a TCP connection within ``timeout`` seconds."""
    try:
        with socket.create_connection((address, port), timeout=timeout):
            return True
    except OSError:
        return False
