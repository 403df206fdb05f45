"""The plan that a pool would make now, for people. Nothing of it is carried out."""

from servers.lifecycle.pools.memo import load_memo
from servers.lifecycle.pools.plan import Plan, plan
from servers.lifecycle.pools.plan import Pool as PoolView
from servers.models import Pool
from servers.operations.pools import read_policy
from servers.placing.caps import count_rooms
from servers.pools.bounds import find_bounds
from servers.pools.matching import divide_snapshot
from servers.pools.members import Known, read_members, show_members
from servers.queues.base import QueueSnapshot
from servers.records.ledger import read_fleet
from servers.reports.costs import load_pool_spending


def preview_plan(pool: Pool, shown: QueueSnapshot | None) -> Plan:
    """Return what a pool, saved or not, would do about what its queue shows."""
    rivals = Pool.objects.filter(queue=pool.queue_id, enabled=True).exclude(pk=pool.pk)
    memo = load_memo(pool.memo)
    policy = read_policy(pool.policy, slots=pool.template.capacity)
    fleet, now = read_fleet()
    spending = load_pool_spending([pool.pk] if policy.cost_per_day else (), now=now)
    rooms = count_rooms([pool.template], fleet)
    view = PoolView(
        policy=policy,
        memo=memo,
        bounds=find_bounds(pool, policy, fleet, rooms, spending),
        frozen=pool.frozen or fleet.destroys_frozen,
    )
    rows = read_members([pool.pk]).get(pool.pk, ())
    members = show_members(rows, Known(memo.cordoned_at, busy=pool.queue.agents))
    demand = None
    if shown is not None:
        shares = divide_snapshot(pool.queue, shown, [*rivals, pool])
        demand = shares.find_demand(pool, [each.name for each in members])
    return plan(view, demand, members, now.timestamp())
