"""Have a queue's CI send no more jobs to the servers of its pools that are cordoned.

By level: each time, the marks of the servers are compared with what the CI was told. A
message that is lost or comes twice changes only when. What the CI was told is written
on the queue:

- *asked*, before the first call. So whoever dies in between, the next one knows that
  the cordon may be ServerFleet's own, and can take it back.
- *told*, after the call.
- *theirs*, if the agent was cordoned before ServerFleet's first call. Whoever did that
  takes it back.

The queue is read after this. So a later snapshot that shows a cordoned server idle was
made when no more jobs could go there.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from servers.errors import FleetError
from servers.lifecycle.states import BOOTING, ENDING
from servers.models import Pool, Queue
from servers.outgoing.errors import CallError
from servers.placing.queue_gate import calling
from servers.placing.queues import open_cordons_of
from servers.pools.holding import Held, claim_queue
from servers.pools.names import name_runners
from servers.queues.registry import describe_queue_kind
from servers.records.limits import COUNTED

logger = logging.getLogger(__name__)

CALL_SECONDS: Final = 15.0  # for all agents together
ASKED: Final = "asked"
TOLD: Final = "told"
THEIRS: Final = "theirs"


@dataclass(frozen=True, slots=True)
class _Work:
    """What the CI is to be told, and what it was told before."""

    told: Mapping[str, str]  # of servers that still exist
    wanted: Mapping[str, bool]


def cordon_agents(pool_pk: UUID) -> None:
    """Tell the CI of a pool's queue which of its agents are cordoned.

    Does nothing if there is nothing to tell, or if another process calls the CI. The
    next read of the queue tells it then.
    """
    pool = Pool.objects.select_related("queue").filter(pk=pool_pk).first()
    if pool is None or not _find_work(pool.queue).wanted:
        return
    held = claim_queue(pool.queue_id)
    if held is not None:
        try:
            follow_cordons(held)
        finally:
            held.release()


def follow_cordons(held: Held) -> None:
    """Tell the CI what it was not told yet, under the queue's lease.

    No transaction is open here: the CI may take its time. Raises nothing that the CI
    does wrong: that is written on the queue.
    """
    queue = held.queue
    work = _find_work(queue)
    told = dict(work.told)
    if not work.wanted:
        if told != queue.cordons or queue.cordon_problem:
            held.write(cordons=told, cordon_problem="")
        return
    is_new = {name for name, on in work.wanted.items() if on and name not in told}
    told |= dict.fromkeys(work.wanted, ASKED)
    if not held.write(cordons=told):
        return
    runners = name_runners(queue, work.wanted)
    wanted = {runners[name]: on for name, on in work.wanted.items()}
    try:
        with calling(queue):
            found = open_cordons_of(queue).cordon(wanted, deadline=CALL_SECONDS)
    except (CallError, FleetError) as error:
        logger.warning("Agents of %s can't be cordoned: %s", queue, error.message)
        held.write(cordon_problem=error.message)
        return
    for name, is_cordoned in work.wanted.items():
        if not is_cordoned:
            # An agent that is no longer there has nothing to be taken back.
            del told[name]
        elif runners[name] in found.changed:
            told[name] = TOLD
        elif runners[name] in found.already:
            told[name] = THEIRS if name in is_new else TOLD
    held.write(cordons=told, cordon_problem="")


def _find_work(queue: Queue) -> _Work:
    """Compare the servers' marks with what the CI was told. At most two queries."""
    kind = describe_queue_kind(queue.kind)
    if kind.open_cordons is None:
        return _Work({}, {})
    told: dict[str, str] = queue.cordons
    # What is cordoned while it boots starts without its agent.
    rows = COUNTED.filter(pool__queue=queue, cordoned=True).exclude(state__in=BOOTING)
    if kind.cordons_for_good:
        rows = rows.filter(state__in=ENDING)
    marks = dict(rows.values_list("name", "cordoned"))
    if told:
        # Their pools may be others by now, or none.
        rows = COUNTED.filter(name__in=list(told))
        marks |= dict(rows.values_list("name", "cordoned"))
    wanted = {
        name: is_cordoned
        for name, is_cordoned in marks.items()
        if (told.get(name, ASKED) == ASKED if is_cordoned else told[name] != THEIRS)
    }
    still = {
        name: state
        for name, state in told.items()
        if name in marks and (marks[name] or state != THEIRS)
    }
    return _Work(still, wanted)
