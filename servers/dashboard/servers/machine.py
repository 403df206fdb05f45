"""What a server's page shows of its machine: health, agent, builds, its boot's log."""

from dataclasses import dataclass

from servers.lifecycle.states import ENDING, State
from servers.models import Host, Server
from servers.placing.machines import describe_machine_of
from servers.reports.boot_log import BootLog, view_boot

# A check comes each minute, and the page is sent anew as often.
CHECKED_LATELY = 180


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """What is known of a machine."""

    host: Host
    has_agent: bool
    is_watched: bool  # while it runs
    boot: BootLog
    is_booting: bool


def read_machine(server: Server, host: Host | None) -> MachineFacts | None:
    """Return what is known of a server's machine; None if nothing is."""
    if host is None:
        return None
    boot = view_boot(host)
    return MachineFacts(
        host=host,
        has_agent=server.recipe.has_agent,
        is_watched=server.state == State.RUNNING
        and describe_machine_of(server).healthy is not None,
        boot=boot,
        is_booting=boot.phase == "booting" and server.state not in ENDING,
    )
