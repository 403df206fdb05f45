"""Apply decisions that need no call, by compare-and-swap, with or without a lease."""

from datetime import datetime
from typing import Any

from servers.lifecycle.decisions import Adopt, Move
from servers.lifecycle.snapshot import Snapshot
from servers.lifecycle.states import Event
from servers.models import Attempt, Instance, Server
from servers.records import ledger
from servers.records.attempts import record_accepted
from servers.records.instances import as_shown


def apply_move(
    server: Server,
    decision: Move | Adopt,
    snapshot: Snapshot,
    *,
    now: datetime,
    fence: int | None = None,
) -> bool:
    """Apply ``decision``. Return False if the row moved meanwhile.

    On success ``server`` has the new values.
    """
    if isinstance(decision, Adopt):
        return _adopt(server, decision, now=now)
    changes: dict[str, Any] = {}
    if decision.event is Event.ADDRESS_SEEN:
        own = snapshot.own_instance
        changes["address"] = own.address if own else ""
    return ledger.move(
        server,
        decision.event,
        reason=decision.reason,
        now=now,
        fence=fence,
        changes=changes,
    )


def _adopt(server: Server, decision: Adopt, *, now: datetime) -> bool:
    found = decision.instance
    adopted = record_accepted(
        Attempt.objects.get(server_uid=server.pk, number=found.attempt_number),
        as_shown(Instance.objects.get(pk=found.pk)),
        now=now,
        reason="Found its instance by the attempt's key.",
    )
    server.refresh_from_db()
    return adopted
