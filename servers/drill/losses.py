"""The part after the strikes: a few of the servers that run lose their health.

Under strikes, few servers run for so long that one is replaced when it fails. So the
drill waits until enough of them run, and then lets a few fail. If more of a location's
servers failed, none would be replaced, because it would look like the network. So the
drill also waits for servers that are still on their way, since they might fail, too.
"""

import time
from typing import Final

from django.db import DatabaseError, connections

from servers.drill.callers import Callers
from servers.drill.ends import read_ends
from servers.drill.plan import BUILD_SECONDS
from servers.lifecycle.states import State
from servers.machine.simulated import roll_health
from servers.models import Server

# So small a share that no server is in it, but those that run are watched. Whoever is
# not watched rests, and would not notice a fault that comes later.
WATCHED: Final = 1e-12
LOSSES: Final = 2
FEWEST: Final = 9  # servers that run when they fail
COMING: Final = (
    State.PENDING,
    State.CREATING,
    State.CREATED,
    State.STAGING,
    State.RUNNING,
)
_FILL_SECONDS: Final = 60.0
_LOSS_SECONDS: Final = 60.0


def fill_up(callers: Callers) -> None:
    """Create servers until enough run and none is on its way, or until time is up."""
    ends = time.monotonic() + _FILL_SECONDS
    while time.monotonic() < ends:
        try:
            servers = Server.objects.filter(state__in=COMING)
            coming = servers.count()
            if servers.filter(state=State.RUNNING).count() >= max(coming, FEWEST):
                return
        except DatabaseError:
            connections.close_all()
            coming = FEWEST
        for _ in range(coming, FEWEST):
            callers.create()
        time.sleep(0.5)


def find_share() -> float:
    """Return the share of unhealthy servers at which ``LOSSES`` of them are unhealthy.

    Without servers, it is so small that none becomes unhealthy.
    """
    coming = Server.objects.filter(state__in=COMING).values_list("pk", flat=True)
    rolls = sorted(roll_health(pk.hex) for pk in coming)
    return min(1.0, rolls[:LOSSES][-1] + 1e-9) if rolls else WATCHED


def wait_for_loss() -> None:
    """Wait until a server was replaced, or until the time is up."""
    ends = time.monotonic() + _LOSS_SECONDS
    while time.monotonic() < ends and read_ends(BUILD_SECONDS).replaced == 0:
        time.sleep(0.5)
