"""Read a queue once for a person, and store nothing of what it shows."""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final

from servers.errors import FleetError
from servers.models import Queue
from servers.operations.queues import (
    asks_otherwise,
    check_queue_settings,
    resolve_queue_credentials,
)
from servers.operations.saving import raise_wrong
from servers.operations.visits import take_place
from servers.outgoing.errors import CallError
from servers.placing.queue_gate import ClosedError, calling
from servers.placing.queues import open_queue_of
from servers.queues.base import QueueJob, QueueSnapshot
from servers.queues.registry import describe_queue_kind
from servers.records.ledger import database_now
from servers.records.snapshots import load_snapshot

MAX_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Probe:
    """What a read found. ``message`` says what is wrong; "" if it works."""

    message: str
    shown: QueueSnapshot | None = None

    @property
    def jobs(self) -> tuple[QueueJob, ...]:
        """All jobs of the queue."""
        return self.shown.jobs if self.shown else ()


def probe_queue(queue: Queue) -> Probe:
    """Read a saved queue.

    Of a queue whose jobs are pushed, return the latest push. A CI that hangs holds up a
    thread of the web process, so few tests run at once: the message then says so.
    """
    return _probe(queue, calling(queue))


def _probe(queue: Queue, gate: AbstractContextManager[None]) -> Probe:
    now = database_now().timestamp()
    if describe_queue_kind(queue.kind).is_pushed:
        return _show_pushed(queue, now)
    try:
        with take_place(), gate:
            shown = open_queue_of(queue).read(now=now, deadline=MAX_SECONDS)
    except ClosedError as closed:
        return Probe(f"{closed.message} Test it after that.")
    except (CallError, FleetError) as error:
        return Probe(error.message)
    return Probe("", shown)


def _show_pushed(queue: Queue, now: float) -> Probe:
    how = "Send PUT /api/pools/NAME/demand, with the name of a pool that follows it."
    shown = load_snapshot(queue)
    if shown is None:
        return Probe(f"Nothing has been pushed to this queue yet. {how}")
    if shown.until is not None and now >= shown.until:
        ended = int(now - shown.until)
        return Probe(f"What was pushed expired {ended} s ago. {how}")
    return Probe("", shown)


def probe_typed(queue: Queue, *, credentials: Mapping[str, str] | None) -> Probe:
    """Read a queue as a person typed it, before it is saved, and store nothing.

    ``credentials`` are as in save_queue. Raises InvalidError.
    """
    before = Queue.objects.filter(pk=queue.pk).first()
    secrets = resolve_queue_credentials(before, queue, credentials)
    raise_wrong(check_queue_settings(queue, secrets))
    queue.credentials = json.dumps(secrets)
    is_same = before is not None and not asks_otherwise(before, queue, secrets)
    return _probe(queue, calling(queue) if is_same else nullcontext())
