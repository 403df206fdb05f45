"""End the servers whose agents were for one job, once their CI shows that it ended.

Such a server is of no more use, and its agent can't get another job. Its machine tells
that, too (lifecycle/spent.py), but not every CI and not every machine tells it soon. If
a CI only fails to show a job that still runs, nothing is lost: the server drains first.
"""

import logging
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Final

from servers import tracing
from servers.errors import ConflictError, NotFoundError
from servers.lifecycle.pools.demand import JobState
from servers.machine.agents.table import AGENTS
from servers.messaging import dispatch
from servers.models import Fleet, Queue, Registration
from servers.operations.terminate import terminate_server
from servers.pools.storing import Kept
from servers.queues.registry import describe_queue_kind
from servers.records.registrations import list_living

logger = logging.getLogger(__name__)

# How long a CI may take to list a runner that it has created.
SHOWN: Final = timedelta(minutes=1)
GONE: Final = (
    "Its runner is gone from its CI, which keeps it for one job. So the server is "
    "terminated."
)
ENDED: Final = (
    "Its CI shows that the one job of its agent has ended. So the server is terminated."
)


def ends_by_itself(queue: Queue) -> bool:
    """Tell whether the agents that a queue registers end after one job."""
    registers = describe_queue_kind(queue.kind).registers
    return registers is not None and AGENTS[registers.agent].one_build


def end_without_runner(queue: Queue, listed: Collection[str], now: datetime) -> None:
    """Terminate the pools' servers whose runners are gone, because they had their job.

    A name is never used again, so this holds however old the listing is.
    """
    rows = list_living(queue, registered=now - SHOWN)
    _end((row for row in rows if row.key not in listed), GONE)


def end_without_job(kept: Kept) -> None:
    """Terminate the pools' servers whose jobs a new snapshot shows no more.

    Only one that is whole says that. One query, and none if no job has ended.
    """
    before, shown = kept.before, kept.shown
    if before is None or not shown.complete or not ends_by_itself(kept.queue):
        return
    had = {job.server for job in before.jobs if job.state is JobState.RUNNING}
    names = had - {job.server for job in shown.jobs} - {""}
    if names:
        _end(list_living(kept.queue, registered=kept.now, names=names), ENDED)


def _end(rows: Iterable[Registration], reason: str) -> None:
    """Terminate servers, unless that is frozen, and have their pools planned."""
    if Fleet.objects.filter(destroys_frozen=True).exists():
        return
    for row in rows:
        server = row.attempt.server if row.attempt else None
        if server is None or server.pool is None:
            continue
        try:
            with tracing.bound(
                request_id=tracing.get_request_id(), actor=f"pool:{server.pool.name}"
            ):
                terminate_server(server.name, reason=reason)
        except (ConflictError, NotFoundError) as error:
            logger.info("%s", error.message)
        else:
            dispatch.hint(dispatch.PLAN, server.pool.pk)
