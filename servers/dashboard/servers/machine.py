"""What a server's page shows of its machine: health, agent, builds, its boot's log."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from servers.clouds.kind import is_number
from servers.lifecycle.states import State
from servers.models import Host, Server
from servers.placing.machines import describe_machine_of

# A check comes each minute, and the page is sent anew as often.
CHECKED_LATELY = 180
_BEGINNING_ENDS = {State.SHUTDOWN, State.STOPPING, State.STOPPED}


@dataclass(frozen=True, slots=True)
class BootStep:
    """One step of a boot, as the instance told it. ``seconds``: None until it ends."""

    name: str
    seconds: float | None
    has_failed: bool

    @property
    def tone(self) -> str:
        """The class for its colour; the words beside it say the same."""
        if self.has_failed:
            return "bad"
        return "moving" if self.seconds is None else "good"


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What is known of a machine."""

    host: Host
    has_agent: bool
    is_watched: bool  # while it runs
    steps: tuple[BootStep, ...]
    log: str
    is_booting: bool

    @property
    def has_boot(self) -> bool:
        """Whether its boot was reported, or still can be."""
        return bool(self.steps or self.log)


def read_machine(server: Server, host: Host | None) -> MachineFacts | None:
    """Return what is known of a server's machine; None if nothing is."""
    if host is None:
        return None
    return MachineFacts(
        host=host,
        has_agent=server.recipe.agent not in {"", "none"},
        is_watched=server.state == State.RUNNING
        and describe_machine_of(server).healthy is not None,
        steps=tuple(_read_steps(host.boot_steps)),
        log=host.boot_log,
        is_booting=host.booted_at is None
        and not host.boot_failed
        and server.state not in _BEGINNING_ENDS,
    )


def _read_steps(steps: Any) -> Iterator[BootStep]:
    # The instance wrote them, so nothing is taken for granted.
    for each in steps if isinstance(steps, list) else ():
        if not isinstance(each, dict):
            continue
        seconds = each.get("seconds")
        yield BootStep(
            name=str(each.get("name", ""))[:200],
            seconds=float(str(seconds)) if is_number(seconds) else None,
            has_failed=bool(each.get("failed")) or each.get("ok") is False,
        )
