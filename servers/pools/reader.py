"""One read of one queue: claim, ask, store, and have its pools planned."""

import logging
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from servers.errors import FleetError
from servers.lifecycle.backoff import back_off
from servers.models import Hook, Queue
from servers.outgoing.errors import CallError, ThrottledError
from servers.placing.queue_gate import ClosedError, calling
from servers.placing.queues import open_queue_of
from servers.pools.cordons import follow_cordons
from servers.pools.holding import Held, claim_queue
from servers.pools.runners import follow_registrations
from servers.pools.spent import end_without_job
from servers.pools.storing import follow_snapshot, prepare_snapshot
from servers.queues.base import QueueSnapshot
from servers.queues.registry import read_poll
from servers.records.counters import count_fault
from servers.records.ledger import database_now

logger = logging.getLogger(__name__)

CALL_SECONDS: Final = 20.0  # for all pages
LEAST: Final = timedelta(seconds=1)  # between two reads that hooks hasten
LONGEST_PAUSE: Final = 60.0  # after errors
LONGEST_WAIT: Final = 600.0  # that a CI may ask for to have its limit last
AFTER_FAULT: Final = timedelta(seconds=10)


def read_queue(queue_pk: UUID) -> None:
    """Read a queue if its lease is free, and store what it shows."""
    held = claim_queue(queue_pk)
    if held is None:
        return
    try:
        follow_cordons(held)
        follow_registrations(held)
        _read(held)
    except Exception:
        # A bug: don't make the queue wait for its lease to expire.
        logger.exception("The queue %s could not be read.", held.queue.name)
        count_fault()
        again = database_now() + AFTER_FAULT
        held.release(next_read_at=again, read_after=again)


def _read(held: Held) -> None:
    queue, started = held.queue, database_now()
    try:
        # No transaction is open here: the CI may take its time.
        with calling(queue):
            shown = open_queue_of(queue).read(
                now=started.timestamp(), deadline=CALL_SECONDS
            )
    except ClosedError as closed:
        # Nothing was asked, so nothing was learned.
        again = started + timedelta(seconds=closed.retry_after or 0.0)
        held.release(next_read_at=again, read_after=again)
    except (CallError, FleetError) as error:
        _record_failure(held, error, started)
    else:
        _record_snapshot(held, shown, started)


def _record_failure(held: Held, error: CallError | FleetError, now: datetime) -> None:
    failures = held.queue.failures + 1
    logger.warning("The queue %s can't be read: %s", held.queue, error.message)
    wait = back_off(failures, 0.5, first=_find_poll(held.queue), most=LONGEST_PAUSE)
    if isinstance(error, ThrottledError) and error.retry_after:
        now = database_now()  # it counts from the answer
        wait = max(wait, timedelta(seconds=error.retry_after))
    held.release(
        failures=failures,
        problem=error.message,
        next_read_at=now + wait,
        # No hook hastens what a rate limit forbids.
        read_after=now + (wait if isinstance(error, ThrottledError) else LEAST),
    )


def _record_snapshot(held: Held, shown: QueueSnapshot, started: datetime) -> None:
    queue = held.queue
    # The CI may want to be asked less often than people and hooks do.
    wait = timedelta(seconds=min(shown.wait, LONGEST_WAIT))
    next_read = started + max(timedelta(seconds=_find_poll(queue)), wait)
    read_after = started + max(LEAST, wait)
    kept = prepare_snapshot(queue, shown, database_now())
    with transaction.atomic():
        # The fence first: a process suspended beyond its lease has an old answer.
        if not held.release(
            next_read_at=next_read, read_after=read_after, **kept.values
        ):
            return
        if Hook.objects.filter(queue=queue, came_at__gte=started).exists():
            # What it told of may be missing in this answer.
            Queue.objects.filter(pk=queue.pk).update(next_read_at=read_after)
        follow_snapshot(kept)
    end_without_job(kept)


def _find_poll(queue: Queue) -> float:
    return read_poll(queue.kind, queue.options)
