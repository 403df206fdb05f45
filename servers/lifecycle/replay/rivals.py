"""Pools that share a cap in the simulated world, by the rule of those that are real."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from servers.lifecycle.pools.plan import plan
from servers.lifecycle.pools.policy import Policy
from servers.lifecycle.pools.sharing import (
    Claim,
    divide_room,
    is_kept,
    limit_pool,
    make_claim,
)
from servers.lifecycle.replay.planners import PolicyPlanner
from servers.lifecycle.replay.world import Planner, World

_CAP: Final = "cap"


@dataclass(slots=True)
class Rivals:
    """The pools of several labels under one cap. They are planned together."""

    cap: int
    policies: Mapping[str, Policy]
    _planners: dict[str, PolicyPlanner] = field(default_factory=dict)
    _claims: dict[str, Claim] = field(default_factory=dict)

    def build(self) -> dict[str, Planner]:
        """Return the planner of all of them."""
        return {"": self}

    def __post_init__(self) -> None:
        self._planners = {
            label: PolicyPlanner(policy, label)
            for label, policy in self.policies.items()
        }

    def is_due(self, world: World, now: float) -> bool:
        """Tell whether one of them is."""
        return any(each.is_due(world, now) for each in self._planners.values())

    def decide(self, world: World, now: float) -> None:
        """Plan those that are due, and carry each plan out within its share."""
        due = {
            label: planner
            for label, planner in self._planners.items()
            if planner.is_due(world, now)
        }
        seen = {label: each.look(world, now) for label, each in due.items()}
        firsts = {label: plan(*what, now) for label, what in seen.items()}
        for label, (pool, _, members) in seen.items():
            claim = make_claim(pool, firsts[label], members, (_CAP,), now)
            self._claims[label] = claim
        for label, (pool, demand, members) in seen.items():
            planned = firsts[label]
            servers = sum(len(each) for each in world.servers.values())
            left = {_CAP: self.cap - servers}
            share = divide_room(self._claims, left, now).find_share(label)
            if not is_kept(planned, share):
                planned = plan(limit_pool(pool, share), demand, members, now)
            due[label].carry_out(planned, world, now)
            self._claims[label] = replace(
                self._claims[label],
                servers=len(world.servers[label]),
                asked=planned.figures.get("short", 0),
            )
