"""What limits a pool's plan from outside: pause, caps, and what was spent today."""

from servers.lifecycle.pools.growth import Bounds, Spent
from servers.lifecycle.pools.policy import HOUR, Policy
from servers.models import Fleet, Pool
from servers.placing.caps import Rooms
from servers.reports.costs import Costs, Spending


def find_bounds(
    pool: Pool, policy: Policy, fleet: Fleet, rooms: Rooms, spending: Spending
) -> Bounds:
    """Return the limits of a pool's plan. No query.

    ``spending`` has to be known only if the policy has a budget for a day.
    """
    spent = Spent()
    if policy.cost_per_day:
        spent = sum_up(spending.of_pool(pool.pk), policy.price)
    return Bounds(
        room=rooms.count(pool.template_id),
        closed="the pause flag is set" if fleet.paused else "",
        spent=spent,
    )


def sum_up(costs: Costs, price: float) -> Spent:
    """Return what counts against a day's budget.

    ``price`` is the policy's, of a server and hour: what has no known price counts at
    it, and never as nothing.
    """
    used = [each for each in costs.amounts if each.today]
    assumed = price * costs.unknown_today / HOUR
    return Spent(
        amount=float(sum(each.today for each in used)) + assumed,
        assumed=assumed,
        currencies=tuple(each.currency for each in used),
    )
