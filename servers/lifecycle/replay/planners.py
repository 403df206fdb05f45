"""The policies that a replay compares: ServerFleet's, and the Drone Autoscaler's."""

import math
from dataclasses import dataclass, field, replace

from servers.lifecycle.pools.demand import Demand, Job, JobState
from servers.lifecycle.pools.growth import NO_BOUNDS, Spent
from servers.lifecycle.pools.members import Cordon, Member, Phase
from servers.lifecycle.pools.memo import Memo
from servers.lifecycle.pools.plan import Plan, Pool, plan
from servers.lifecycle.pools.policy import HOUR, Policy
from servers.lifecycle.replay.world import SimulatedServer, World


@dataclass(slots=True)
class PolicyPlanner:
    """``plan`` over the simulated world."""

    policy: Policy
    label: str = ""
    memo: Memo = field(default_factory=Memo)
    next_at: float = 0.0
    version: int = -1
    # What was shown of each job and server, to be shown again while it is the same.
    _jobs: dict[int, Job] = field(default_factory=dict)
    _members: dict[str, tuple[tuple[object, ...], Member]] = field(default_factory=dict)

    def is_due(self, world: World, now: float) -> bool:
        """Tell whether something changed, or the last plan's time has come."""
        return world.version != self.version or now >= self.next_at

    def decide(self, world: World, now: float) -> None:
        """Carry out the plan."""
        pool, demand, members = self.look(world, now)
        self.carry_out(plan(pool, demand, members, now), world, now)

    def look(
        self, world: World, now: float
    ) -> tuple[Pool, Demand | None, tuple[Member, ...]]:
        """Return what there is to plan with."""
        servers = world.servers[self.label]
        members = tuple([self._show(each, world, now) for each in servers])
        demand = None if world.is_out(now) else self._read(world, now)
        bounds = NO_BOUNDS
        if self.policy.cost_per_day:
            used = world.count_seconds_today(self.label) / HOUR
            bounds = replace(bounds, spent=Spent(self.policy.price * used))
        return Pool(self.policy, self.memo, bounds), demand, members

    def carry_out(self, planned: Plan, world: World, now: float) -> None:
        """Do what a plan says."""
        servers = {each.name: each for each in world.servers[self.label]}
        self.memo, self.next_at = planned.memo, planned.next_at
        self.version = world.version
        if planned.create:
            world.create(self.label, planned.create, most=self.policy.at(now).max)
        for name in planned.uncordon:
            world.cordon(servers[name], cordoned=False)
        for name in planned.cordon:
            world.cordon(servers[name])
        for name in planned.stop:
            world.stop(servers[name])

    def _read(self, world: World, now: float) -> Demand:
        known = self._jobs
        jobs = {
            number: known.get(number)
            or Job(str(number), JobState.PENDING, job.queued_at)
            for number, job in world.pending[self.label]
        }
        for server in world.servers[self.label]:
            for number, job in server.jobs.items():
                before = known.get(number)
                if before is None or not before.server:
                    state = JobState.RUNNING
                    before = Job(str(number), state, job.queued_at, server.name)
                jobs[number] = before
        self._jobs = jobs
        return Demand(now, tuple(jobs.values()))

    def _show(self, server: SimulatedServer, world: World, now: float) -> Member:
        until = server.created_at + world.cloud.deadline
        phase = Phase.READY
        if server.ready_at is None:
            phase = Phase.BROKEN if now > until else Phase.BOOTING
        same = (phase, server.used, server.cordoned)
        before = self._members.get(server.name)
        if before is not None and before[0] == same:
            return before[1]
        member = Member(
            server.name,
            phase,
            world.cloud.slots,
            server.created_at,
            boots_until=until,
            ready_at=server.ready_at,
            used=server.used,
            cordon=Cordon.POOL if server.cordoned else Cordon.NONE,
        )
        self._members[server.name] = same, member
        return member


@dataclass(slots=True)
class DronePlanner:
    """The Drone Autoscaler's arithmetic, with its defaults. Its reaper is off.

    Source: drone/autoscaler, engine/planner.go and calc.go, as of b22b870. A server in
    any state counts as capacity, and the newest idle ones go first, all or none.
    """

    label: str = ""
    tick: float = 300.0
    min: int = 2
    max: int = 4
    min_age: float = 3300.0
    buffer: int = 0
    next_at: float = 0.0

    def is_due(self, world: World, now: float) -> bool:
        """Tell whether its tick has come."""
        return now >= self.next_at

    def decide(self, world: World, now: float) -> None:
        """Create or stop servers by the difference between slots and jobs."""
        self.next_at = now + self.tick
        if world.is_out(now):
            return
        servers, slots = world.servers[self.label], world.cloud.slots
        running = sum(len(server.jobs) for server in servers)
        free = max(len(servers) * slots - running - self.buffer, 0)
        change = math.ceil((len(world.pending[self.label]) - free) / slots)
        if change > 0:
            added = min(change, self.max - len(servers))
            if added > 0:
                world.create(self.label, added, most=self.max)
        elif change < 0:
            self._shrink(world, servers, min(-change, len(servers) - self.min), now)

    def _shrink(
        self, world: World, servers: list[SimulatedServer], most: int, now: float
    ) -> None:
        ready = [server for server in servers if server.ready_at is not None]
        if most <= 0 or len(ready) - most < self.min:
            return
        idle = [
            server
            for server in ready
            if not server.jobs and now - server.created_at >= self.min_age
        ]
        idle.sort(key=lambda server: server.created_at, reverse=True)
        for server in idle[:most]:
            world.stop(server)
