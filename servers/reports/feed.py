"""The feed of events: read it by a cursor, or wait for new events.

A client asks for the events after the last id that it has. So no event may appear below
an id that was already shown. On PostgreSQL, a transaction can commit a lower id later,
so events are shown only up to the horizon below which everything is committed (see
migration 0010). SQLite writes one transaction after the other.
Only after a power cut can the last ids be given again, since not every event waits for
the disk (docs/decisions/0080-prepared-statements.md).
"""

import threading
import time
from typing import Any, Final

from django.db import connection

from servers.models import Event

MAX_WAIT: Final = 30  # seconds
LOOK_SECONDS: Final = 0.5
# A process has four threads. Requests that wait must leave some for the others.
MAX_WAITING: Final = 2

_waiting: Final = threading.BoundedSemaphore(MAX_WAITING)


def read_events(*, after: int, limit: int, server_uid: Any = None) -> list[Event]:
    """Return up to ``limit`` events above the id ``after``, in order."""
    rows = Event.objects.filter(id__gt=after).order_by("id")
    horizon = find_horizon()
    if horizon is not None:
        rows = rows.filter(id__lte=horizon)
    if server_uid is not None:
        rows = rows.filter(server_uid=server_uid)
    return list(rows.select_related("account")[:limit])


def find_horizon() -> int | None:
    """Return the id up to which all events are committed; None if all are."""
    if connection.vendor != "postgresql":
        return None
    with connection.cursor() as cursor:
        cursor.execute("SELECT servers_event_horizon()")
        return int(cursor.fetchone()[0])


def follow_events(
    *, after: int, limit: int, seconds: float, server_uid: Any = None
) -> list[Event] | None:
    """Return the events above ``after``; wait for one if there is none.

    The database connection is closed while waiting. None means that too many requests
    wait in this process already, so the caller must ask again.
    """
    ends = time.monotonic() + seconds
    events = read_events(after=after, limit=limit, server_uid=server_uid)
    if events or not seconds:
        return events
    if not _waiting.acquire(blocking=False):
        return None
    try:
        while not events and (left := ends - time.monotonic()) > 0:
            connection.close()
            time.sleep(min(LOOK_SECONDS, left))
            events = read_events(after=after, limit=limit, server_uid=server_uid)
    finally:
        _waiting.release()
    return events
