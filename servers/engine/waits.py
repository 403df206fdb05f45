"""The end of a step: when the next one is due, and what the server waits for.

The pending deadline runs only while the server waits for a cloud. While ServerFleet
itself holds it back, what is left of the deadline is kept.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from servers.lifecycle.backoff import back_off
from servers.lifecycle.decisions import Wait
from servers.lifecycle.snapshot import Snapshot
from servers.lifecycle.states import State
from servers.messaging import dispatch
from servers.models import Server
from servers.placing.views import jitter_of
from servers.records import leases


@dataclass(frozen=True, slots=True)
class Rest:
    """The result of a step. ``until`` is when the next is due; None: by an event."""

    until: datetime | None
    because: str = ""


def plan_wait(server: Server, snapshot: Snapshot, wait: Wait, *, now: datetime) -> Rest:
    """Plan the next step. While a wait is held, the pending deadline stops."""
    if wait.held:
        stop_clock(server, now=now)
    elif server.state == State.PENDING and server.deadline_at is None:
        left = server.pending_left
        server.deadline_at = now + (snapshot.limits.pending if left is None else left)
    due = (wait.until, server.deadline_at, snapshot.ends_at)
    first = min((time for time in due if time is not None), default=None)
    if first is not None and first <= now:
        # It is overdue, so only a fresh listing can tell more.
        first = now + max(view.pace.listing for view in snapshot.locations)
    return Rest(first, wait.because)


def plan_retry(server: Server, error: str, *, now: datetime) -> Rest:
    """Plan the next step after a call that failed."""
    server.failures += 1
    wait = back_off(server.failures, jitter_of(server))
    return Rest(now + wait, f"The call to the cloud failed: {error}")


def stop_clock(server: Server, *, now: datetime) -> None:
    """Stop the pending deadline: ServerFleet itself holds the server back."""
    if server.state == State.PENDING and server.deadline_at is not None:
        server.pending_left = max(timedelta(0), server.deadline_at - now)
        server.deadline_at = None


def release(server: Server, rest: Rest, *, now: datetime) -> None:
    """Release the row. If its next step is due at once, tell a worker."""
    released = leases.release(server, next_step_at=rest.until, waiting=rest.because)
    if released and rest.until is not None and rest.until <= now:
        dispatch.hint(dispatch.ADVANCE, server.pk)
