"""One entry of a list, read as a job."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from servers.lifecycle.pools.demand import JobState
from servers.outgoing import reading
from servers.outgoing.errors import UnknownOutcomeError
from servers.outgoing.fields import Field
from servers.queues.base import Labels, QueueJob
from servers.queues.json.pointer import MISSING, follow_pointer

# Above this many seconds, the year 5138, a time is in milliseconds.
_MILLISECONDS: Final = 1e11

ITEM_FIELDS: Final = (
    Field(
        "id",
        "Id in a list",
        "The JSON pointer to a job's id in an entry of a list, such as /id. Without "
        "it, entries are only counted.",
    ),
    Field(
        "labels",
        "Labels in a list",
        "The JSON pointer to what a job asks for: a string, a list of strings, "
        "or an object.",
    ),
    Field(
        "since",
        "Time in a list",
        "The JSON pointer to when a job was queued, or started if it runs: Unix "
        "seconds, milliseconds or ISO 8601.",
    ),
    Field(
        "server",
        "Server in a list",
        "The JSON pointer to the name of the server that runs a job. Without it, "
        "servers count as idle only while no job runs.",
    ),
)


def read_item(
    item: Any, pointers: Mapping[str, str], state: JobState, now: float, what: str
) -> QueueJob:
    """Return the job that an entry is. Raise UnknownOutcomeError if it is none."""
    values = {name: _find(item, pointer) for name, pointer in pointers.items()}
    job_id = reading.text(values, "id")
    if "id" in pointers and not job_id:
        raise UnknownOutcomeError(
            f"{what} lists a job without a string or a number at {pointers['id']}."
        )
    labels = _read_labels(values.get("labels"))
    if labels is None:
        raise UnknownOutcomeError(
            f"{what} lists a job whose labels at {pointers['labels']} are not strings."
        )
    return QueueJob(
        job_id=job_id,
        state=state,
        since=min(_read_time(values.get("since"), now), now),
        labels=labels,
        server=reading.text(values, "server") if state is JobState.RUNNING else "",
    )


def _find(item: Any, pointer: str) -> Any:
    found = follow_pointer(item, pointer)
    return None if found is MISSING else found


def _read_labels(found: Any) -> Labels | None:
    """Return labels, or None if they can't be read. Tags have the value ""."""
    if found is None:
        return {}
    if isinstance(found, str):
        return {reading.text(found): ""} if found else {}
    if isinstance(found, list):
        tags = [reading.text(each) for each in found]
        return dict.fromkeys(tags, "") if all(tags) else None
    if not isinstance(found, dict):
        return None
    labels = {}
    for name, value in found.items():
        shown = str(value).lower() if isinstance(value, bool) else reading.text(value)
        if not shown and not (value is None or value == ""):
            return None
        labels[reading.text(name)] = shown
    return labels


def _read_time(found: Any, now: float) -> float:
    """Return a time in Unix seconds, or ``now`` if it can't be read."""
    seconds = reading.number({"at": found}, "at")
    if seconds is None and isinstance(found, str):
        try:
            read = datetime.fromisoformat(found.strip()[:40])
            seconds = (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
        except (ValueError, OverflowError):
            return now
    if seconds is None or not math.isfinite(seconds) or seconds <= 0:
        return now
    return seconds / 1000 if seconds > _MILLISECONDS else seconds
