"""Read what a CI system's JSON holds, where the common client is too strict."""

from datetime import UTC, datetime
from typing import Any

from servers.outgoing import reading
from servers.outgoing.reply import Reply


def need_list(reply: Reply, *path: str) -> list[dict[str, Any]]:
    """Return the list of objects at a path, or the answer itself.

    Servers written in Go show an empty list as null. What is left out is no list: that
    raises UnknownOutcomeError, as anything else does that is none.
    """
    if path:
        is_there = path[-1] in reply.need_object(*path[:-1])
    else:
        is_there = reply.answer.body.strip() == b"null"
    if is_there and reading.find(reply.data, *path) is None:
        return []
    return reply.need_objects(*path)


def read_time(data: Any, *path: reading.Step) -> float | None:
    """Return an ISO 8601 time in Unix seconds, or None.

    Times before 1970 are none: Go shows a time that was never set as one of year 1.
    """
    try:
        found = datetime.fromisoformat(reading.text(data, *path))
        if found.tzinfo is None:
            found = found.replace(tzinfo=UTC)
        seconds = found.timestamp()
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None
