"""Pools that share a cap in the simulated world."""

from collections.abc import Callable
from dataclasses import dataclass, field

from servers.lifecycle.pools.growth import Bounds
from servers.lifecycle.pools.policy import Policy
from servers.lifecycle.pools.sharing import Use, share_room
from servers.lifecycle.replay.planners import PolicyPlanner
from servers.lifecycle.replay.world import Planner, World


@dataclass(slots=True)
class Rivals:
    """The pools of several labels under one cap."""

    cap: int
    policies: dict[str, Policy]
    peaks: dict[str, int] = field(default_factory=dict)

    def build(self, world: World) -> dict[str, Planner]:
        """Return a planner for each label."""
        return {
            label: PolicyPlanner(policy, label, self._watch(world, label))
            for label, policy in self.policies.items()
        }

    def _watch(self, world: World, label: str) -> Callable[[], Bounds]:
        def find() -> Bounds:
            uses = {}
            for each, policy in self.policies.items():
                servers = len(world.servers[each])
                self.peaks[each] = max(self.peaks.get(each, 0), servers)
                uses[each] = Use(servers, self.peaks[each], policy.min)
            return Bounds(room=share_room(self.cap, uses)[label])

        return find
