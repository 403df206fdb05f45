"""How many servers a pool has: what its queue shows, a plan, and what follows."""

from servers.pools.cordons import cordon_agents
from servers.pools.planner import plan_pools
from servers.pools.pushing import push_demand
from servers.pools.reader import read_queue

__all__ = ["cordon_agents", "plan_pools", "push_demand", "read_queue"]
