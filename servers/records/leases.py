"""Leases: the right to call a cloud for one server, by the database's clock.

Each claim raises the row's fence. A step writes only to a row whose fence it knows. So
once another process has claimed the row, the step can no longer change it.
"""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import DateTimeField, Q, Value
from django.db.models.functions import Now
from django.db.models.lookups import GreaterThan

from servers.models import Server

_HOST = socket.gethostname()[:80]


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease until ``until``, by the database's clock. ``fence`` is the row's then."""

    fence: int
    until: datetime

    def columns(self) -> dict[str, Any]:
        """Return what the claim writes."""
        return {
            "fence": self.fence,
            "lease_until": self.until,
            "lease_by": name_process(),
        }

    def can_begin(self) -> Q:
        """Return what a claim requires: no other claim, and a lease that is not over.

        The second is by the database's clock, within the statement. A worker that was
        suspended for longer than its lease finds out here.
        """
        until = Value(self.until, output_field=DateTimeField())
        return Q(GreaterThan(until, Now()), fence=self.fence - 1)


def name_process() -> str:
    """Return the name under which this process takes leases: ``host:process id``."""
    return f"{_HOST}:{os.getpid()}"


def claim(server: Server, lease: Lease) -> bool:
    """Take the lease of a server; return False if another process was faster.

    The caller has seen that the row is free, or holds it already. On success the object
    has the new fence.
    """
    rows = Server.objects.filter(lease.can_begin(), pk=server.pk)
    if not rows.update(**lease.columns()):
        return False
    server.fence = lease.fence
    return True


def hold(server: Server) -> bool:
    """Lock a row until the transaction ends; return False if it was claimed since."""
    rows = Server.objects.select_for_update(no_key=True)
    held = rows.filter(pk=server.pk, fence=server.fence).order_by()
    return held.values_list("pk", flat=True).first() is not None


def postpone(server: Server, *, wait: timedelta) -> None:
    """Postpone the next step of a row, unless the row has changed meanwhile."""
    Server.objects.filter(
        pk=server.pk, fence=server.fence, next_step_at=server.next_step_at
    ).update(next_step_at=Now() + wait)


def release(seen: Server, *, next_step_at: datetime | None, waiting: str) -> bool:
    """Set when the next step is due, and release the lease if there is one.

    ``seen`` is the row as the step last knew it, with the step's own fence. If an
    operation changed the row meanwhile, its ``next_step_at`` is kept and only the lease
    ends. False: another process has claimed the row.
    """
    held = Server.objects.filter(pk=seen.pk, fence=seen.fence)
    undisturbed = held.filter(
        state=seen.state,
        attempt_number=seen.attempt_number,
        next_step_at=seen.next_step_at,
    )
    return bool(
        undisturbed.update(
            lease_until=None,
            next_step_at=next_step_at,
            waiting=waiting,
            deadline_at=seen.deadline_at,
            pending_left=seen.pending_left,
            planned_at=next_step_at,
            failures=seen.failures,
        )
        or held.update(lease_until=None)
    )
