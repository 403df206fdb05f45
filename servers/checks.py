"""System checks: what is wrong with the settings, and what to do."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 - Django's name

from servers.clouds.proxy import list_problems


@register
def check_proxies(**_: Any) -> list[CheckMessage]:
    """A proxy that is set and unused looks like a cloud that does not answer."""
    return [
        Warning(
            problem, hint="docs/settings.md, Outgoing connections.", id="servers.W001"
        )
        for problem in list_problems()
    ]


@register
def check_broker_socket(**_: Any) -> list[CheckMessage]:
    """The path of a unix socket has a limit of the operating system."""
    path = settings.BROKER_SOCKET.encode()
    if not settings.EMBEDS_BROKER or len(path) <= settings.BROKER_SOCKET_BYTES:
        return []
    return [
        Error(
            f"The broker's socket has a path of {len(path)} bytes; the system allows "
            f"{settings.BROKER_SOCKET_BYTES}.",
            hint="Set SERVERFLEET_BROKER_SOCKET to a shorter path.",
            id="servers.E001",
        )
    ]
