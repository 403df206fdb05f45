"""What an instance has reported of its boot."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from servers.models import Host, Server


@dataclass(frozen=True, slots=True)
class BootStep:
    """One step. ``seconds``: None while it runs."""

    name: str
    at: datetime
    seconds: float | None
    ok: bool


@dataclass(frozen=True, slots=True)
class BootLog:
    """The boot of the attempt ``attempt``; 0 if none can be reported."""

    attempt: int = 0
    phase: str = ""
    heard_at: datetime | None = None
    steps: Sequence[BootStep] = ()
    log: str = ""


def read_boot(server: Server) -> BootLog:
    """Return what the instance of the server's last attempt has reported."""
    return view_boot(Host.objects.filter(pk=server.pk).first())


def view_boot(host: Host | None) -> BootLog:
    """Return what a record says of the boot."""
    if host is None or not host.attempt:
        return BootLog()
    return BootLog(
        attempt=host.attempt,
        phase=_find_phase(host),
        heard_at=host.heartbeat_at,
        steps=[_read_step(each) for each in host.boot_steps],
        log=host.boot_log,
    )


def _find_phase(host: Host) -> str:
    if host.heartbeat_at is None:
        return ""
    if host.boot_failed:
        return "failed"
    return "booting" if host.booted_at is None else "ready"


def _read_step(step: dict[str, Any]) -> BootStep:
    at = datetime.fromtimestamp(step["at"], UTC)
    return BootStep(step["name"], at, step["seconds"], step["ok"])
