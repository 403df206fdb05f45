"""System checks for the settings."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - Django's name
from django.http.request import validate_host

from servers.outgoing.proxy import list_problems


@register
def check_proxies(**_: Any) -> list[CheckMessage]:
    """Warn about proxies: one that is set but unused looks like a silent cloud."""
    return [
        Warning(
            problem, hint="docs/settings.md, Outgoing connections.", id="servers.W001"
        )
        for problem in list_problems()
    ]


@register
def check_public_url(**_: Any) -> list[CheckMessage]:
    """Warn if ServerFleet would not answer at the URL that instances call."""
    host = urlsplit(settings.PUBLIC_URL).hostname or ""
    host = f"[{host}]" if ":" in host else host
    if not host or validate_host(host, settings.ALLOWED_HOSTS):
        return []
    return [
        Warning(
            f"Instances would call {settings.PUBLIC_URL}, but ServerFleet does not "
            "answer under that host name.",
            hint=f"Add {host} to SERVERFLEET_ALLOWED_HOSTS.",
            id="servers.W002",
        )
    ]


@register
def check_broker_socket(**_: Any) -> list[CheckMessage]:
    """Refuse a socket path that is longer than the operating system allows."""
    path = settings.BROKER_SOCKET.encode()
    if not settings.EMBEDS_BROKER or len(path) <= settings.BROKER_SOCKET_BYTES:
        return []
    return [
        Error(
            f"The path of the broker's socket has {len(path)} bytes, but this system "
            f"allows at most {settings.BROKER_SOCKET_BYTES}.",
            hint="Set SERVERFLEET_BROKER_SOCKET to a shorter path.",
            id="servers.E001",
        )
    ]
