"""Leases: the right to call a cloud for one server, by the database's clock.

Each claim raises the row's fence. A step writes only to a row whose fence it knows. So
once another process has claimed the row, the step can no longer change it.
"""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.db.models.lookups import GreaterThan

from servers.models import Server
from servers.records.prepared import Prepared, Slots

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

    def requires(self) -> dict[str, Any]:
        """Return the values of the slots of ``can_begin``."""
        return {"known_fence": self.fence - 1, "until": self.until}


def can_begin(slot: Slots) -> Q:
    """Return what a claim requires: no other claim, and a lease that is not over.

    The lease is checked by the database's clock, within the statement. A worker that
    was suspended for longer than its lease finds out here.
    """
    until = slot("until", "lease_until")
    return Q(GreaterThan(until, Now()), fence=slot("known_fence", "fence"))


_CLAIMED: Final = Prepared(
    Server, lambda slot: Server.objects.filter(can_begin(slot), pk=slot("id"))
)


def _filter_held(slot: Slots) -> "QuerySet[Server]":
    return Server.objects.filter(pk=slot("id"), fence=slot("fence"))


def _filter_undisturbed(slot: Slots) -> "QuerySet[Server]":
    return _filter_held(slot).filter(
        state=slot("state"), attempt_number=slot("attempt_number")
    )


_HELD: Final = Prepared(Server, _filter_held)
_UNDISTURBED: Final = Prepared(
    Server,
    lambda slot: _filter_undisturbed(slot).filter(next_step_at=slot("next_step_at")),
)
_UNDISTURBED_AT_REST: Final = Prepared(
    Server, lambda slot: _filter_undisturbed(slot).filter(next_step_at=None)
)
_LOCKED: Final = Prepared(
    Server,
    lambda slot: (
        _filter_held(slot).select_for_update(no_key=True).values_list("pk").order_by()
    ),
)


def name_process() -> str:
    """Return the name under which this process takes leases: ``host:process id``."""
    return f"{_HOST}:{os.getpid()}"


def claim(server: Server, lease: Lease) -> bool:
    """Take the lease of a server; return False if another process was faster.

    The caller has seen that the row is free, or holds it already. On success the object
    has the new fence.
    """
    if not _CLAIMED.update(lease.columns(), id=server.pk, **lease.requires()):
        return False
    server.fence = lease.fence
    return True


def hold(server: Server) -> bool:
    """Lock a row until the transaction ends; return False if it was claimed since."""
    return bool(_LOCKED.read(id=server.pk, fence=server.fence))


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
    held = {"id": seen.pk, "fence": seen.fence}
    known = {"state": seen.state, "attempt_number": seen.attempt_number}
    values = {
        "lease_until": None,
        "next_step_at": next_step_at,
        "waiting": waiting,
        "deadline_at": seen.deadline_at,
        "pending_left": seen.pending_left,
        "planned_at": next_step_at,
        "failures": seen.failures,
    }
    if seen.next_step_at is None:
        count = _UNDISTURBED_AT_REST.update(values, **held, **known)
    else:
        planned = {"next_step_at": seen.next_step_at}
        count = _UNDISTURBED.update(values, **held, **known, **planned)
    return bool(count or _HELD.update({"lease_until": None}, **held))
