"""The gate of a queue: closed while its CI refuses calls, because there were too many.

The CI tells that to one call, and it counts for all: reads, cordons, registrations,
removals of runners, and tests by people. When the time is over, one call goes first. If
it is not refused, the gate is open again; if it dies, another one goes first later.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet

from servers.models import Pool, Queue, Server
from servers.outgoing.errors import ThrottledError
from servers.placing.registrations import find_registers
from servers.queues.registry import describe_queue_kind, is_registrable
from servers.records.ledger import database_now

# A CI may be wrong, or lie: no answer closes the gate for longer.
MOST_SECONDS: Final = 600.0
# For a CI that names no time.
USUAL_SECONDS: Final = 10.0
# How long the others wait for the call that goes first. No call takes longer.
TRIAL: Final = timedelta(seconds=20)


class ClosedError(ThrottledError):
    """Nothing was sent, since the gate is closed for ``retry_after`` seconds."""


@contextmanager
def calling(queue: Queue) -> Iterator[None]:
    """Call the CI of a queue in this block, or raise ClosedError.

    A ThrottledError of the block closes the gate. Its ``retry_after`` becomes the
    seconds for which it does. The block is not in a transaction, so that all processes
    see the gate at once.
    """
    # With other credentials, or at another URL, the CI has refused nothing yet.
    rows = Queue.objects.filter(pk=queue.pk, generation=queue.generation)
    until = rows.values_list("refused_until", flat=True).first()
    trial = None if until is None else _go_first(queue, rows, until)
    try:
        yield
    except ThrottledError as error:
        seconds = min(error.retry_after or USUAL_SECONDS, MOST_SECONDS)
        error.retry_after = seconds
        refused = database_now() + timedelta(seconds=seconds)
        # Of calls at the same time, the one that has to wait longest counts.
        sooner = Q(refused_until=trial) | Q(refused_until__lt=refused)
        rows.filter(sooner).update(refused_until=refused)
        raise
    except Exception:
        _open(rows, trial)
        raise
    _open(rows, trial)


def _go_first(queue: Queue, rows: QuerySet[Queue], until: datetime) -> datetime:
    """Close the gate for all others, and return until when. Raise ClosedError."""
    now = database_now()
    trial = now + TRIAL
    if rows.filter(refused_until__lte=now).update(refused_until=trial):
        return trial
    left = max(until - now, timedelta(seconds=1))
    raise ClosedError(
        _describe(queue, now + left), retry_after=left / timedelta(seconds=1)
    )


def _open(rows: QuerySet[Queue], trial: datetime | None) -> None:
    if trial is not None:
        rows.filter(refused_until=trial).update(refused_until=None)


def explain_refusal(queue: Queue, *, now: datetime) -> str:
    """Return why the CI of a queue is not called now, and until when; or ""."""
    until = queue.refused_until
    return _describe(queue, until) if until is not None and now < until else ""


def _describe(queue: Queue, until: datetime) -> str:
    label = describe_queue_kind(queue.kind).label
    return (
        f"{label} asked for fewer calls, so ServerFleet calls it again for the queue "
        f"{queue.name} only at {until:%H:%M:%S} UTC."
    )


def load_refusing(servers: Iterable[Server], *, now: datetime) -> dict[UUID, Queue]:
    """Return the queues that can't register agents of servers now, by server.

    At most one query, and none if no CI registers such agents.
    """
    asked = {
        server: server.pool_id
        for server in servers
        if server.pool_id is not None and is_registrable(server.recipe.agent_kind)
    }
    if not asked:
        return {}
    pools = Pool.objects.filter(
        pk__in=set(asked.values()), queue__refused_until__gt=now
    )
    queues = {pool.pk: pool.queue for pool in pools.select_related("queue")}
    return {
        server.pk: queues[pool]
        for server, pool in asked.items()
        if pool in queues and find_registers(server.recipe, queues[pool])
    }
