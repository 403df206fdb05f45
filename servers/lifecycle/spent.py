"""A server whose agent has ended after the one build that it was for.

Nothing can run on it any more. So it is terminated as if somebody had asked for that:
it has been used and has not failed, and it drains first. What holds other stops of its
pool holds this one, too.

A cordoned server is left alone. Its agent was told to end, and whoever cordoned it may
have a reason to keep it.
"""

from datetime import datetime, timedelta
from typing import Final

from servers.lifecycle.decisions import Move, Wait
from servers.lifecycle.snapshot import Snapshot
from servers.lifecycle.states import Event

SPENT: Final = "Its agent has ended after the one build that it was for."
# Of the time that it has run by now, between two looks for the end of its agent.
_SHARE: Final = 10


def is_spent(snapshot: Snapshot) -> bool:
    """Tell whether a running server is of no more use, because its agent is not."""
    return snapshot.host.agent_spent and not snapshot.cordoned


def decide_spent(snapshot: Snapshot, now: datetime) -> Move | Wait:
    """Return what follows for a running server that is spent."""
    if snapshot.protected:
        said = "The server is protected. Unprotect it to have it terminated."
        return Wait(f"{SPENT} {said}", None)
    if snapshot.kept:
        again = now + snapshot.limits.check
        return Wait(f"{SPENT} {snapshot.kept}", again, held=True)
    return Move(Event.STOP_REQUESTED, f"{SPENT} So the server is terminated.")


def space_glances(snapshot: Snapshot, last: datetime | None) -> timedelta:
    """Return how long after the ``last`` look to look for the end of the agent again.

    A tenth of the time that the server has run by then, within limits. So what a server
    does nothing after its build is a small part of what it is paid for.
    """
    limits = snapshot.limits
    ran = last - snapshot.state_since if last is not None else timedelta()
    return min(max(limits.glance, ran / _SHARE), limits.glances)
