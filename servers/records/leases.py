"""Leases: the right to step one server for a while, by the database's clock.

Each claim raises the row's fence. The holder of an older lease can no longer move the
row.
"""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q

from servers.models import Server

_HOST = socket.gethostname()[:80]


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to step one server until ``until``, by the database's clock."""

    server_id: Any
    fence: int
    until: datetime


def name_process() -> str:
    """Return the name under which this process takes leases: ``host:process id``."""
    return f"{_HOST}:{os.getpid()}"


def claim(server: Server, *, now: datetime, lease: timedelta) -> Lease | None:
    """Take the lease of a server; return None if another process holds it.

    The claim requires the fence that was loaded, so no other lease was taken since. If
    something changed without a lease, the state differs and later moves fail.
    """
    until = now + lease
    taken = (
        Server.objects.filter(pk=server.pk, fence=server.fence)
        .filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now))
        .update(fence=F("fence") + 1, lease_until=until, lease_by=name_process())
    )
    if not taken:
        return None
    server.fence += 1
    server.lease_until = until
    return Lease(server_id=server.pk, fence=server.fence, until=until)


def postpone(server: Server, *, until: datetime) -> None:
    """Postpone the next step of a row, unless the row has changed meanwhile."""
    Server.objects.filter(
        pk=server.pk, fence=server.fence, next_step_at=server.next_step_at
    ).update(next_step_at=until)


def release(
    lease: Lease, *, seen: Server, next_step_at: datetime | None, waiting: str
) -> None:
    """Release a lease, and set when the next step is due.

    ``seen`` is the row as the step last knew it. If an operation changed the row
    meanwhile, its ``next_step_at`` is kept and only the lease ends.
    """
    held = Server.objects.filter(pk=lease.server_id, fence=lease.fence)
    undisturbed = held.filter(
        state=seen.state,
        attempt_number=seen.attempt_number,
        next_step_at=seen.next_step_at,
    )
    if not undisturbed.update(
        lease_until=None,
        next_step_at=next_step_at,
        waiting=waiting,
        deadline_at=seen.deadline_at,
        pending_left=seen.pending_left,
        planned_at=next_step_at,
        failures=seen.failures,
    ):
        held.update(lease_until=None)
