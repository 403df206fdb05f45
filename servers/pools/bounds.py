"""What limits a pool's plan from outside: pause, caps, and what was spent today."""

from datetime import datetime

from servers.lifecycle.pools.growth import Bounds, Spent
from servers.lifecycle.pools.policy import HOUR, Policy
from servers.models import Fleet, Pool
from servers.placing.caps import count_room
from servers.reports.costs import Costs, load_pool_costs


def find_bounds(pool: Pool, policy: Policy, fleet: Fleet, *, now: datetime) -> Bounds:
    """Return the limits of a pool's plan. One query more if a day has a budget."""
    spent = Spent()
    if policy.cost_per_day:
        spent = sum_up(load_pool_costs(pool.pk, now=now), policy.price)
    return Bounds(
        room=count_room(pool.template, fleet),
        closed="the fleet is paused" if fleet.paused else "",
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
