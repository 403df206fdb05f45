"""What a move writes on the server's row besides the state."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings

from servers.lifecycle.states import Event, State, Want
from servers.models import Server
from servers.records.keys import list_wiped_columns

_NOTHING_HELD: Final = {
    "instance_id": "",
    "address": "",
    "started_at": None,
    "ready_at": None,
}


def _find_left(server: Server, now: datetime) -> timedelta | None:
    """Return what is left of the pending deadline; None if all of it is."""
    if server.deadline_at is None:
        return server.pending_left
    return max(timedelta(0), server.deadline_at - now)


def _go_on_pending(server: Server, now: datetime) -> dict[str, Any]:
    """Continue the pending deadline from where it stopped; never restart it."""
    left = server.pending_left
    if left is None:
        left = timedelta(seconds=settings.PENDING_DEADLINE)
    return {"deadline_at": now + left, "planned_at": now}


def _note_loss(server: Server, now: datetime) -> dict[str, Any]:
    return {"lost_at": now} if server.state == State.RUNNING else {}


def find_columns(
    server: Server, event: Event, *, reason: str, now: datetime
) -> dict[str, Any]:
    """Return the columns that an event writes besides the state, with their values."""
    match event:
        case (
            Event.CANDIDATES_EXHAUSTED
            | Event.DEADLINE_PASSED
            | Event.INSTANCE_VANISHED
            | Event.INSTANCE_INTERRUPTED
            | Event.HEALTH_LOST
        ):
            return {"error": reason, **_note_loss(server, now)}
        case Event.STOP_REQUESTED:
            return {"want": Want.GONE, "cordoned": True}
        case Event.ATTEMPT_WRITTEN:
            return {"pending_left": _find_left(server, now)}
        case Event.ATTEMPT_REFUSED | Event.ATTEMPT_ABSENT | Event.INSTANCE_FAILED:
            return {"error": reason, **_NOTHING_HELD, **_go_on_pending(server, now)}
        case Event.INSTANCE_KNOWN | Event.ADDRESS_SEEN:
            boot = timedelta(seconds=settings.BOOT_DEADLINE)
            return {"deadline_at": now + boot}
        case Event.RETRY_REQUESTED:
            return {
                "error": "",
                "placement": 0,
                "tried_from": server.attempt_number,
                "pending_left": None,
                "planned_at": None,
                **_NOTHING_HELD,
            }
        case Event.ABSENCE_CONFIRMED:
            return {**list_wiped_columns(), "stopped_at": now, "next_step_at": None}
        case Event.DISOWNED:
            ended = {"stopped_at": now, "next_step_at": None, "hidden": True}
            return {**list_wiped_columns(), **ended}
        case Event.READY:
            return {"failures": 0, "error": "", "ready_at": now}
        case _:
            return {}
