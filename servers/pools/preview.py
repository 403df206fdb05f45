"""The plan that a pool would make now, for people. Nothing of it is carried out."""

from servers.lifecycle.pools.memo import load_memo
from servers.lifecycle.pools.plan import Plan, plan
from servers.lifecycle.pools.plan import Pool as PoolView
from servers.models import Fleet, Pool
from servers.operations.pools import read_policy
from servers.pools.bounds import find_bounds
from servers.pools.matching import divide_snapshot
from servers.pools.members import load_members
from servers.queues.base import QueueSnapshot
from servers.records.ledger import database_now


def preview_plan(pool: Pool, shown: QueueSnapshot | None) -> Plan:
    """Return what a pool, saved or not, would do about what its queue shows."""
    rivals = Pool.objects.filter(queue=pool.queue_id, enabled=True).exclude(pk=pool.pk)
    memo = load_memo(pool.memo)
    policy = read_policy(pool.policy, slots=pool.template.capacity)
    fleet, now = Fleet.objects.get(), database_now()
    view = PoolView(
        policy=policy,
        memo=memo,
        bounds=find_bounds(pool, policy, fleet, now=now),
        frozen=pool.frozen or fleet.destroys_frozen,
    )
    members = load_members(pool.pk, memo.cordoned_at, {}, pool.queue.agents)
    demand = None
    if shown is not None:
        shares = divide_snapshot(pool.queue, shown, [*rivals, pool])
        demand = shares.find_demand(pool, [each.name for each in members], shown)
    return plan(view, demand, members, now.timestamp())
