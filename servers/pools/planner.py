"""One plan of one pool, carried out in one transaction.

The transaction begins with a compare-and-swap of the pool's fence. So of two planners
that saw the same state, a message that came twice, or a process that was suspended,
only one changes anything. Whatever dies before the commit has changed nothing, and the
next plan sees all there is.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction
from django.db.models import F

from servers import tracing
from servers.errors import ConflictError, FleetError, NotFoundError
from servers.lifecycle.pools.memo import dump_memo, load_memo
from servers.lifecycle.pools.plan import LONGEST_WAIT, Plan, plan
from servers.lifecycle.pools.plan import Pool as PoolView
from servers.models import Fleet, Pool, PoolPlan
from servers.operations.cordon import cordon_server, uncordon_server
from servers.operations.pools import read_policy
from servers.operations.provision import MAX_COUNT, Request, provision_servers
from servers.operations.terminate import terminate_server
from servers.pools.bounds import find_bounds
from servers.pools.matching import read_demand, see_running
from servers.pools.members import count_uses, load_members
from servers.records.ledger import database_now

logger = logging.getLogger(__name__)

# After a plan that changed something: its own effects may call for more.
SOON: Final = timedelta(seconds=1)
AFTER_REFUSAL: Final = timedelta(seconds=10)
SAMPLE: Final = timedelta(minutes=1)  # between two plans that only keep the figures
# What a plan reads. The jobs of a queue are read for all of its pools at once.
_OWN: Final = (
    *("name", "labels", "policy", "enabled", "dry", "frozen", "memo", "fence"),
    *("planned_at", "figures", "totals"),
)
_OF_QUEUE: Final = (
    *("enabled", "read_from", "answered_at", "expires_at", "complete", "paused"),
    *("names_servers", "agents"),
)
_OF_TEMPLATE: Final = ("name", "capacity", "max_servers")
_READ: Final = (
    *_OWN,
    *(f"queue__{name}" for name in _OF_QUEUE),
    *(f"template__{name}" for name in _OF_TEMPLATE),
)


@dataclass(frozen=True, slots=True)
class _Seen:
    """A pool as it was read, and the time."""

    pool: Pool
    planned: Plan
    now: datetime


def plan_pool(pool_pk: UUID) -> Plan | None:
    """Plan a pool, and carry the plan out. None: nothing was to be planned."""
    seen = _make_plan(pool_pk)
    if seen is None:
        return None
    try:
        with transaction.atomic():
            if _record(seen) and seen.planned.changes and not seen.pool.dry:
                with tracing.bound(
                    request_id=tracing.get_request_id(), actor=f"pool:{seen.pool.name}"
                ):
                    _carry_out(seen)
    except FleetError as error:
        # Such as a cap that was reached meanwhile. Nothing of the plan was done.
        logger.warning("The plan of %s was refused: %s", seen.pool, error.message)
        Pool.objects.filter(pk=pool_pk, fence=seen.pool.fence).update(
            why=[f"The plan could not be carried out. {error.message}"],
            next_plan_at=seen.now + AFTER_REFUSAL,
        )
    return seen.planned


def _make_plan(pool_pk: UUID) -> _Seen | None:
    rows = Pool.objects.select_related("queue", "template").only(*_READ)
    pool = rows.filter(pk=pool_pk).first()
    if pool is None or not pool.enabled:
        return None
    now = database_now()
    memo = load_memo(pool.memo)
    fleet = Fleet.objects.get()
    policy = read_policy(pool.policy, slots=pool.template.capacity)
    view = PoolView(
        policy=policy,
        memo=memo,
        bounds=find_bounds(pool, policy, fleet, now=now),
        frozen=pool.frozen or fleet.destroys_frozen,
        seen=see_running(pool) if pool.dry else None,
    )
    # Nobody else needs these counts, and they take a query.
    uses = count_uses(pool) if view.policy.max_uses else {}
    members = load_members(pool.pk, memo.cordoned_at, uses, pool.queue.agents)
    demand = read_demand(pool, [member.name for member in members])
    return _Seen(pool, plan(view, demand, members, now.timestamp()), now)


def _record(seen: _Seen) -> bool:
    """Write the plan's memory. False: another plan was faster."""
    pool, planned, now = seen.pool, seen.planned, seen.now
    next_at = datetime.fromtimestamp(planned.next_at, UTC)
    values = {
        "memo": dump_memo(planned.memo),
        "why": list(planned.why),
        "figures": planned.figures or pool.figures,
        "planned_at": now,
        "next_plan_at": min(next_at, now + SOON) if planned.changes else next_at,
        "totals": _add_up(seen),
    }
    if pool.dry:
        # Nothing is created or cordoned, so nothing of it is to be remembered.
        memo = replace(planned.memo, created=(), created_at=0.0, cordoned_at={})
        values["memo"] = dump_memo(memo)
    same_fence = Pool.objects.filter(pk=pool.pk, fence=pool.fence, enabled=True)
    if not same_fence.update(fence=F("fence") + 1, **values):
        return False
    if planned.changes or planned.hold or _is_sampled(seen):
        PoolPlan.objects.create(
            pool=pool,
            at=now,
            why=values["why"],
            figures=values["figures"],
            changed=planned.changes and not pool.dry,
        )
    return True


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
