"""The plan that a pool would make now, for people. Nothing of it is carried out."""

from copy import copy
from dataclasses import replace

from servers.lifecycle.pools.plan import Plan
from servers.models import Pool, Queue
from servers.pools.batch import gather_batch
from servers.pools.matching import divide_snapshot
from servers.pools.storing import complete_snapshot
from servers.queues.base import QueueSnapshot
from servers.records.ledger import database_now
from servers.records.snapshots import load_snapshot


def preview_plan(pool: Pool, shown: QueueSnapshot | None) -> Plan:
    """Return what a pool, saved or not, would do about what its queue shows.

    It is planned together with the other pools of the queue, as if all were due.
    What pools of other queues lack is known from their last plans.
    """
    rivals = Pool.objects.filter(queue=pool.queue_id, enabled=True).exclude(pk=pool.pk)
    pools = [copy(pool), *rivals.select_related("template").order_by("pk")]
    queue = copy(pool.queue)
    for each in pools:
        each.queue = queue
    shares = {}
    if shown is not None:
        shown = complete_snapshot(shown, load_snapshot(queue), database_now())
        queue.agents = dict(shown.agents)
        shares[queue.pk] = divide_snapshot(queue, shown, pools)
    planned = gather_batch(pools, shares).plan(pools[0])
    return replace(planned, why=(*planned.why, *_explain_disabled(pool, queue)))


def _explain_disabled(pool: Pool, queue: Queue) -> list[str]:
    """Say so if the pool or its queue is disabled, so that no plan is carried out."""
    rows = (("The pool", pool), ("The queue", queue))
    return [
        f"{what} is disabled, so nothing happens yet."
        for what, row in rows
        if not row.enabled
    ][:1]
