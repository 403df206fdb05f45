"""The address of the service, and advice if others can reach it, too."""

from typing import Final

from django.conf import settings
from django.http.request import validate_host

from serverfleet import env

_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "[::]": "[::1]"}  # noqa: S104
_LOOPBACK: Final = {"localhost", "::1"}


def find_address(host: str, port: int) -> str:
    """Return an address at which the service answers on this machine."""
    shown = f"[{host}]" if ":" in host else host
    shown = _EVERYWHERE.get(shown, shown)
    allowed = [name for name in settings.ALLOWED_HOSTS if name[:1] not in {".", "*"}]
    if allowed and not validate_host(shown, settings.ALLOWED_HOSTS):
        shown = allowed[0]
    return f"http://{shown}:{port}{settings.SCRIPT_NAME}"


def advise(host: str) -> str:
    """Return advice if other machines can connect, otherwise ""."""
    if host in _LOOPBACK or host.startswith("127."):
        return ""
    proxy = (
        "  Anyone who reaches this port can block it with slow requests. Put a proxy "
        "in front (docs/deploy.md), and let ServerFleet listen on 127.0.0.1."
    )
    lines = [proxy]
    shown = f"[{host}]" if ":" in host else host
    if shown in _EVERYWHERE and not env.read_text("SERVERFLEET_ALLOWED_HOSTS"):
        lines.append(
            "  ServerFleet answers only requests for "
            f"{', '.join(settings.ALLOWED_HOSTS)}. Set SERVERFLEET_ALLOWED_HOSTS to "
            "the names and addresses that people use."
        )
    return "\n".join([*lines, ""])
