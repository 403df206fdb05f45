"""The simulated world: a queue, servers that boot, and jobs that run on them."""

import heapq
import random
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Final, Protocol

from servers.lifecycle.pools.policy import DAY
from servers.lifecycle.replay.trace import TracedJob

# In seconds, after the last job was queued and could have ended.
PATIENCE: Final = 86400.0
_ARRIVES: Final = 0
_ENDS: Final = 1
_READY: Final = 2
_GONE: Final = 3


@dataclass(frozen=True, slots=True)
class Cloud:
    """How servers behave. Times are in seconds."""

    boot: float = 90.0
    failing: float = 0.0  # the share of boots that fail
    deadline: float = 600.0  # after which a boot counts as failed
    retention: float = 3600.0  # that a failed server is kept; 0 means for ever
    slots: int = 2
    seed: int = 1


@dataclass(slots=True, eq=False)
class SimulatedServer:
    """One server of one label."""

    name: str
    label: str
    created_at: float
    fails: bool
    ready_at: float | None = None
    cordoned: bool = False
    gone_at: float | None = None
    used: int = 0
    jobs: dict[int, TracedJob] = field(default_factory=dict)


class Planner(Protocol):
    """A policy for the servers of one label."""

    def decide(self, world: "World", now: float) -> None:
        """Look at the world as a queue shows it, and create, cordon and stop."""

    def is_due(self, world: "World", now: float) -> bool:
        """Tell whether a decision at ``now`` may differ from the one before."""


@dataclass(slots=True)
class Result:
    """What a replay came to. Waits are in seconds, by label."""

    waits: dict[str, list[float]] = field(default_factory=dict)
    server_seconds: float = 0.0
    busy_seconds: float = 0.0
    slots: int = 1
    created: int = 0
    short_lives: int = 0  # of less than two boots
    killed: int = 0
    never_run: int = 0  # jobs that still waited when the replay was given up
    breaches: int = 0  # of a pool's max
    changes: list[float] = field(default_factory=list)  # when anything was decided


class World:
    """The state of the simulation. Planners read it, and act by its methods."""

    def __init__(self, jobs: Sequence[TracedJob], cloud: Cloud) -> None:
        self.cloud = cloud
        self.now = 0.0
        self.version = 0  # grows with each change that a planner may see
        self.pending: dict[str, deque[tuple[int, TracedJob]]] = {}
        self.servers: dict[str, list[SimulatedServer]] = {}
        self.outages: list[tuple[float, float]] = []  # of the queue
        self.result = Result(slots=cloud.slots)
        self._random = random.Random(cloud.seed)  # noqa: S311 - a simulation
        self._numbers = count(1)
        self._order = count()
        self._events: list[tuple[float, int, int, Any]] = []
        self._free: dict[str, list[SimulatedServer]] = {}
        self._unfinished = len(jobs)
        self._longest = max((job.seconds for job in jobs), default=0.0)
        # By label, a day and for how long servers existed on it that are gone.
        self._ended: dict[str, tuple[float, float]] = {}
        for number, job in enumerate(jobs):
            self._push(job.queued_at, _ARRIVES, (number, job))
            self.pending.setdefault(job.label, deque())
            self.servers.setdefault(job.label, [])
            self._free.setdefault(job.label, [])

    def run(self, planners: dict[str, Planner], *, tick: float) -> Result:
        """Run until each job has ended, with a poll of the queue every ``tick``.

        A policy under which that does not happen is given up after a while.
        """
        poll = self._events[0][0] if self._events else 0.0
        last = max((event[0] for event in self._events), default=0.0)
        until = last + self._longest + PATIENCE
        while self._unfinished and poll < until:
            while self._events and self._events[0][0] <= poll:
                self.now, _, kind, what = heapq.heappop(self._events)
                self._happen(kind, what)
            self.now = poll
            for planner in planners.values():
                if planner.is_due(self, poll):
                    planner.decide(self, poll)
            poll += tick
        self._close()
        return self.result

    def _close(self) -> None:
        """Count the servers and the jobs that are left at the end."""
        for servers in self.servers.values():
            for server in servers:
                if server.gone_at is None:
                    self._count_life(server, self.now)
        for at, _, kind, what in self._events:
            if kind == _ENDS and what[1].gone_at is None:
                # The job still runs, so the rest of its time was not busy.
                self.result.busy_seconds -= at - self.now
        for label, pending in self.pending.items():
            waits = self.result.waits.setdefault(label, [])
            waits += [self.now - job.queued_at for _, job in pending]
            self.result.never_run += len(pending)

    def is_out(self, now: float) -> bool:
        """Tell whether the queue does not answer."""
        return any(begin <= now < end for begin, end in self.outages)

    def create(self, label: str, number: int, *, most: int) -> None:
        """Create servers. ``most`` is the pool's max."""
        for _ in range(number):
            fails = self._random.random() < self.cloud.failing
            name = f"{label or 'server'}-{next(self._numbers)}"
            server = SimulatedServer(name, label, self.now, fails)
            self.servers[label].append(server)
            self.result.created += 1
            if not fails:
                self._push(self.now + self.cloud.boot, _READY, server)
            elif self.cloud.retention:
                kept = self.cloud.deadline + self.cloud.retention
                self._push(self.now + kept, _GONE, server)
        self.result.breaches += len(self.servers[label]) > most
        self._change()

    def cordon(self, server: SimulatedServer, *, cordoned: bool = True) -> None:
        """Keep new jobs from a server, or let them come again."""
        server.cordoned = cordoned
        self._change()
        self._refresh(server)
        if not cordoned:
            self._assign(server.label)

    def stop(self, server: SimulatedServer) -> None:
        """Destroy a server. Jobs that it runs are killed."""
        self.result.killed += len(server.jobs)
        self._remove(server)
        self._change()

    def count_seconds_today(self, label: str) -> float:
        """Return for how long the servers of a label have existed today, a UTC day."""
        today = self.now // DAY * DAY
        day, ended = self._ended.get(label, (today, 0.0))
        living = (self.now - max(s.created_at, today) for s in self.servers[label])
        return sum(living) + (ended if day == today else 0.0)

    def _change(self) -> None:
        self.version += 1
        self.result.changes.append(self.now)

    def _push(self, at: float, kind: int, what: Any) -> None:
        heapq.heappush(self._events, (at, next(self._order), kind, what))

    def _happen(self, kind: int, what: Any) -> None:
        self.version += 1
        if kind == _ARRIVES:
            number, job = what
            self.pending[job.label].append((number, job))
            self._assign(job.label)
        elif kind == _ENDS:
            number, server = what
            if server.gone_at is None:
                del server.jobs[number]
                self._unfinished -= 1
                self._refresh(server)
                self._assign(server.label)
        else:
            server = what
            if kind == _GONE:
                self._remove(server)
            elif server.gone_at is None:
                server.ready_at = self.now
                self._refresh(server)
                self._assign(server.label)

    def _refresh(self, server: SimulatedServer) -> None:
        """Keep the list of servers with a free slot."""
        free = self._free[server.label]
        takes = (
            server.ready_at is not None
            and server.gone_at is None
            and not server.cordoned
            and len(server.jobs) < self.cloud.slots
        )
        if takes and server not in free:
            free.append(server)
        elif not takes and server in free:
            free.remove(server)

    def _assign(self, label: str) -> None:
        """Give the oldest jobs to random free slots, as agents that poll do."""
        pending, free = self.pending[label], self._free[label]
        waits = self.result.waits.setdefault(label, [])
        while pending and free:
            number, job = pending.popleft()
            server = free[self._random.randrange(len(free))]
            server.jobs[number] = job
            server.used += 1
            waits.append(self.now - job.queued_at)
            self.result.busy_seconds += job.seconds
            self._push(self.now + job.seconds, _ENDS, (number, server))
            self._refresh(server)

    def _remove(self, server: SimulatedServer) -> None:
        if server.gone_at is not None:
            return
        server.gone_at = self.now
        self._unfinished -= len(server.jobs)  # killed
        self._count_life(server, self.now)
        today = self.now // DAY * DAY
        day, ended = self._ended.get(server.label, (today, 0.0))
        used = self.now - max(server.created_at, today)
        self._ended[server.label] = today, used + (ended if day == today else 0.0)
        self.servers[server.label].remove(server)
        self._refresh(server)

    def _count_life(self, server: SimulatedServer, until: float) -> None:
        lived = until - server.created_at
        self.result.server_seconds += lived
        self.result.short_lives += lived < 2 * self.cloud.boot
