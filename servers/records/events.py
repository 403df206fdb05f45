"""Build the rows of the history, with who acts and in which request."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final

from servers import tracing
from servers.models import Event, Server
from servers.records.prepared import PreparedInsert

_INSERT: Final = PreparedInsert(Event)


def build_event(
    kind: StrEnum,
    *,
    server: Server | None,
    account_id: Any = None,
    reason: str,
    from_state: str = "",
    to_state: str,
) -> Event:
    """Return an event that is not saved yet."""
    return Event(
        server_id=server.pk if server else None,
        server_uid=server.pk if server else None,
        server_name=server.name if server else "",
        account_id=account_id,
        kind=kind,
        reason=reason[:4000],
        from_state=from_state,
        to_state=to_state,
        actor=tracing.get_actor(),
        request_id=tracing.get_request_id(),
    )


def insert_events(events: Sequence[Event]) -> None:
    """Append events, in the caller's transaction. One statement."""
    if len(events) == 1:
        _INSERT.run(events[0])
    else:
        Event.objects.bulk_create(events)
