"""Read a queue once for a person, and store nothing."""

from dataclasses import dataclass
from typing import Final

from servers.errors import FleetError
from servers.models import Queue
from servers.operations.queues import open_queue_of
from servers.outgoing.errors import CallError
from servers.queues.base import QueueJob
from servers.records.ledger import database_now

MAX_SECONDS: Final = 10.0
MAX_SHOWN: Final = 200


@dataclass(frozen=True, slots=True)
class Probe:
    """What a read found. ``message`` says what is wrong; "" if it works."""

    message: str
    jobs: tuple[QueueJob, ...] = ()


def probe_queue(queue: Queue) -> Probe:
    """Read a queue, saved or not, and return at most MAX_SHOWN of its jobs."""
    now = database_now().timestamp()
    try:
        shown = open_queue_of(queue).read(now=now, deadline=MAX_SECONDS)
    except (CallError, FleetError) as error:
        return Probe(error.message)
    return Probe("", shown.jobs[:MAX_SHOWN])
