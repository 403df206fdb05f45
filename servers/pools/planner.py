"""The plans of pools: read together, and each carried out in a transaction of its own.

That transaction begins with a compare-and-swap of the pool's fence. So of two planners
that saw the same state, a message that came twice, or a process that was suspended,
only one changes anything. Whatever dies before the commit has changed nothing, and the
next plan sees all there is.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from servers import tracing
from servers.errors import ConflictError, FleetError, NotFoundError
from servers.lifecycle.pools.memo import Memo, dump_memo, load_memo, settle_memo
from servers.lifecycle.pools.plan import LONGEST_WAIT, Plan
from servers.models import Pool, PoolPlan
from servers.operations.cordon import cordon_server, uncordon_server
from servers.operations.provision import MAX_COUNT, Request, provision_servers
from servers.operations.terminate import terminate_server
from servers.pools.batch import Batch, read_batch
from servers.records.counters import count_fault

logger = logging.getLogger(__name__)

# After a plan that changed something: its own effects may call for more.
SOON: Final = timedelta(seconds=1)
AFTER_REFUSAL: Final = timedelta(seconds=10)
FAULT: Final = (
    "The pool could not be planned because of a bug in ServerFleet. See the worker's "
    "log."
)
# After as many seconds, what is left of a batch is read again: to create many servers
# takes a while.
FRESH: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Seen:
    """A pool as it was read, and the time."""

    pool: Pool
    planned: Plan
    now: datetime


def plan_pools(pool_pks: Iterable[UUID]) -> dict[UUID, Plan]:
    """Plan pools, and carry each plan out. Return the plans, by pool.

    One that is disabled, gone, or could not be planned has none. Neither a refusal nor
    a fault of one holds up the others.
    """
    made: dict[UUID, Plan] = {}
    left = list(pool_pks)
    while left:
        batch = read_batch(left)
        until = time.monotonic() + FRESH
        waiting = deque(batch.pools)
        while waiting:
            pool = waiting.popleft()
            try:
                made[pool.pk] = _plan(batch, pool)
            except Exception:
                logger.exception("The pool %s could not be planned.", pool)
                count_fault()
                _tell(pool, FAULT, batch.now)
            if time.monotonic() > until:
                break
        left = [pool.pk for pool in waiting]
    return made


def _plan(batch: Batch, pool: Pool) -> Plan:
    """Plan one pool of a batch, and carry the plan out."""
    seen = _Seen(pool, batch.plan(pool), batch.now)
    planned = seen.planned
    try:
        with transaction.atomic():
            is_carried_out = _record(seen) and planned.changes and not pool.dry
            if is_carried_out:
                with tracing.bound(
                    request_id=tracing.get_request_id(), actor=f"pool:{pool.name}"
                ):
                    _carry_out(seen)
        if is_carried_out:
            batch.take(pool, planned)
    except FleetError as error:
        # Such as a cap that was reached meanwhile. Nothing of the plan was done.
        logger.warning("The plan of %s was refused: %s", pool, error.message)
        _tell(pool, f"The plan could not be carried out. {error.message}", batch.now)
        # The rest of the batch must see what others have created meanwhile.
        batch.drop(pool)
    return planned


def _tell(pool: Pool, why: str, now: datetime) -> None:
    """Say why nothing was done for a pool, which is planned again in a while."""
    Pool.objects.filter(pk=pool.pk, fence=pool.fence).update(
        why=[why], next_plan_at=now + AFTER_REFUSAL
    )


def _record(seen: _Seen) -> bool:
    """Write the plan's memory. False: another plan was faster."""
    pool, planned, now = seen.pool, seen.planned, seen.now
    next_at = datetime.fromtimestamp(planned.next_at, UTC)
    values = {
        "memo": dump_memo(planned.memo),
        "why": list(planned.why),
        "figures": _find_figures(seen),
        "planned_at": now,
        "next_plan_at": min(next_at, now + SOON) if planned.changes else next_at,
        "totals": _add_up(seen),
    }
    if pool.dry:
        before = settle_memo(load_memo(pool.memo), now.timestamp())
        values["memo"] = dump_memo(_forget(planned, before))
    same_fence = Pool.objects.filter(pk=pool.pk, fence=pool.fence, enabled=True)
    if not same_fence.update(fence=F("fence") + 1, **values):
        return False
    if planned.changes or planned.hold or _is_sampled(seen):
        PoolPlan.objects.create(
            pool=pool,
            at=now,
            why=values["why"],
            figures=planned.figures,  # none while nothing is known
            changed=planned.changes and not pool.dry,
        )
    return True


def _find_figures(seen: _Seen) -> dict[str, int]:
    """Return the figures that the pool shows, and that its rivals plan by."""
    pool, planned = seen.pool, seen.planned
    if not planned.figures:
        # The queue is unknown, so the pool asks for nothing.
        return {**pool.figures, "short": 0}
    created = 0 if pool.dry else planned.create
    return {**planned.figures, "servers": planned.figures["servers"] + created}


def _forget(planned: Plan, before: Memo) -> Memo:
    """Return the memory of a plan that creates, cordons and uncordons nothing.

    So the pool waits for no room, either. It keeps the cordons from before it was dry:
    once it is live again, it uncordons or terminates these servers.
    """
    still = {*planned.memo.cordoned_at, *planned.uncordon}
    cordoned = {name: at for name, at in before.cordoned_at.items() if name in still}
    return replace(
        planned.memo,
        created=(),
        created_at=0.0,
        cordoned_at=cordoned,
        short_since=0.0,
    )


def _add_up(seen: _Seen) -> dict[str, float]:
    """Return what all plans of the pool add up to, for the metrics.

    Slots that were idle at the last plan count as idle until this one.
    """
    pool, planned = seen.pool, seen.planned
    past = (seen.now - pool.planned_at).total_seconds() if pool.planned_at else 0.0
    added = {
        "plans": 1,
        "changes": int(planned.changes and not pool.dry),
        "holds": int(planned.hold),
        "idle_seconds": pool.figures.get("idle", 0) * min(max(past, 0.0), LONGEST_WAIT),
    }
    return {name: pool.totals.get(name, 0) + value for name, value in added.items()}


def _is_sampled(seen: _Seen) -> bool:
    last = seen.pool.planned_at
    return last is None or last.timestamp() // 60 != seen.now.timestamp() // 60


def _carry_out(seen: _Seen) -> None:
    """Do what the plan says. Servers are created first: accounts are locked first."""
    pool, planned = seen.pool, seen.planned
    left = planned.create
    while left > 0:
        count = min(left, MAX_COUNT)
        provision_servers(
            Request(template=pool.template.name, count=count, pool=pool.pk)
        )
        left -= count
    for name in planned.uncordon:
        _try(uncordon_server, name)
    for name in planned.cordon:
        _try(cordon_server, name)
    for name in planned.stop:
        _try(terminate_server, name)


def _try(operation: Callable[[str], object], name: str) -> None:
    """Change a server, unless it has changed since the plan was made.

    A person may have protected or terminated it. The next plan sees that.
    """
    try:
        with transaction.atomic():
            operation(name)
    except (ConflictError, NotFoundError) as error:
        logger.info("%s", error.message)
