"""Fake CI systems that run their jobs, on the agents that are connected to them.

A job ends after its time. One whose agent dies first was killed, and is never run
again, so that it shows.
"""

import random
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from tests.queues.fakes.base import QueueFake
from tests.queues.fakes.drone import FakeDrone
from tests.queues.fakes.github import FakeGitHub
from tests.queues.fakes.github_base import show_time
from tests.queues.fakes.github_runners import read_configuration
from tests.queues.fakes.woodpecker import FakeWoodpecker

MATRIX = 4  # jobs of one workflow run


@dataclass(eq=False, slots=True)
class Agent:
    """One agent. ``jobs`` are those that it runs, and when each of them ends."""

    name: str
    slots: int
    takes: bool = True  # it asks for jobs
    is_over: bool = False  # it has had the only job that it was for
    jobs: dict[Any, float] = field(default_factory=dict)


class Works(QueueFake):
    """What the three have in common. Times are Unix seconds."""

    name: ClassVar[str]
    kind: ClassVar[str]  # of its queue
    # In which an agent gets its name, as a template of this kind sets it up.
    variable: ClassVar[str]
    one_job: ClassVar[bool] = False  # each agent ends after it
    labels: ClassVar[Mapping[str, str]]  # of its agents
    slots: ClassVar[int] = 2
    # Its agent is told to end only once it has no job, since its signal cancels them.
    cancels: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__()
        self.crew: list[Agent] = []
        self.lengths: dict[Any, float] = {}
        self.finished = 0
        self.killed: list[str] = []
        self.last_end = 0.0
        # Called when a job was queued or ends.
        self.tell: Callable[[], None] = lambda: None
        self._random = random.Random(self.name)

    # What a subclass provides.

    @abstractmethod
    def put(self, count: int, now: float) -> list[Any]:
        """Queue jobs, and return their ids."""

    @abstractmethod
    def list_waiting(self) -> Sequence[Any]:
        """Return the ids of the jobs that wait for an agent, oldest first."""

    @abstractmethod
    def begin(self, job: Any, agent: Agent, now: float) -> None:
        """Show a job as running."""

    @abstractmethod
    def end(self, job: Any) -> None:
        """Show a job no more."""

    def find_name(self, value: str) -> str:
        """Return the name of the agent that is started with this in ``variable``."""
        return value

    def may_take(self, _agent: Agent) -> bool:
        """Tell whether the server gives jobs to an agent that asks."""
        return True

    # What happens.

    def submit(self, lengths: Sequence[float], now: float) -> None:
        """Queue jobs that take so many seconds each."""
        with self.lock:
            for job, seconds in zip(self.put(len(lengths), now), lengths, strict=True):
                self.lengths[job] = seconds
        self.tell()

    def join(self, agent: Agent) -> None:
        """Let an agent ask for jobs."""
        with self.lock:
            self.crew.append(agent)

    def leave(self, agent: Agent, *, at: float) -> None:
        """Note that an agent is gone, and with it the jobs that it ran at this time."""
        with self.lock:
            self._end_jobs(agent, at)
            for job in list(agent.jobs):
                self.killed.append(f"{self.name} {job} on {agent.name}")
                self._drop(agent, job, at)
            if agent in self.crew:
                self.crew.remove(agent)

    def turn(self, now: float) -> None:
        """End the jobs whose time is over, and hand out those that wait."""
        with self.lock:
            ended = [self._end_jobs(agent, now) for agent in self.crew]
            for job in self.list_waiting():
                free = [
                    agent
                    for agent in self.crew
                    if agent.takes
                    and len(agent.jobs) < agent.slots
                    and self.may_take(agent)
                ]
                if not free:
                    break
                agent = self._random.choice(free)
                agent.jobs[job] = now + self.lengths[job]
                self.begin(job, agent, now)
        if any(ended):
            self.tell()

    def count_left(self) -> int:
        """Return how many jobs have not ended."""
        return len(self.lengths) - self.finished - len(self.killed)

    def _end_jobs(self, agent: Agent, now: float) -> bool:
        over = [job for job, ends in agent.jobs.items() if ends <= now]
        for job in over:
            self.finished += 1
            self._drop(agent, job, agent.jobs[job])
        return bool(over)

    def _drop(self, agent: Agent, job: Any, at: float) -> None:
        del agent.jobs[job]
        self.last_end = max(self.last_end, at)
        if self.one_job:
            agent.takes, agent.is_over = False, True
        self.end(job)


class Drone(Works, FakeDrone):
    """Drone's server. Its agents finish their stages when they are told to end."""

    name = kind = "drone"
    variable = "DRONE_RUNNER_NAME"
    labels = {"os": "linux", "arch": "amd64"}

    def put(self, count: int, now: float) -> list[Any]:
        at = int(now)
        return [self.add(created=at, updated=at) for _ in range(count)]

    def list_waiting(self) -> Sequence[Any]:
        waiting = []
        for number, stage in self.stages.items():
            if not stage.get("machine"):
                waiting.append(number)
            elif stage["status"] == "pending":
                # It was accepted a moment ago, and starts now.
                stage["status"] = "running"
        return waiting

    def begin(self, job: Any, agent: Agent, now: float) -> None:
        self.stages[job] |= {"machine": agent.name, "started": int(now)}

    def end(self, job: Any) -> None:
        del self.stages[job]


class Woodpecker(Works, FakeWoodpecker):
    """Woodpecker's server. It keeps jobs from agents that are cordoned there."""

    name = kind = "woodpecker"
    variable = "WOODPECKER_HOSTNAME"
    cancels = True
    labels = {"platform": "linux/amd64"}

    def __init__(self) -> None:
        super().__init__()
        self.known: dict[str, int] = {}  # agents by the name under which they came

    def put(self, count: int, now: float) -> list[Any]:
        return [self.add(created=int(now)) for _ in range(count)]

    def list_waiting(self) -> Sequence[Any]:
        return list(self.lists["pending"])

    def join(self, agent: Agent) -> None:
        with self.lock:
            if agent.name not in self.known:
                self.known[agent.name] = self.connect(agent.name)
            super().join(agent)

    def may_take(self, agent: Agent) -> bool:
        return not self.agents[self.known[agent.name]]["no_schedule"]

    def begin(self, job: Any, agent: Agent, now: float) -> None:
        self.start(job, self.known[agent.name])

    def end(self, job: Any) -> None:
        del self.lists["running"][job]


class GitHub(Works, FakeGitHub):
    """GitHub with an organization's runners, named as their servers."""

    name = kind = "github"
    variable = "SERVERFLEET_SERVER"
    slots = 1
    labels = {"self-hosted": "", "linux": "", "x64": ""}

    def __init__(self) -> None:
        super().__init__()
        self.limit = self.remaining = 10**9
        self.known: dict[str, int] = {}

    def put(self, count: int, now: float) -> list[Any]:
        jobs = []
        for number in range(count):
            if number % MATRIX == 0:
                run = self.add_run()
            at = show_time(now)
            job = self.add_job("self-hosted", "linux", run=run)
            self.jobs[job] |= {"created_at": at, "started_at": at}
            jobs.append(job)
        return jobs

    def list_waiting(self) -> Sequence[Any]:
        return [
            number for number, job in self.jobs.items() if job["status"] == "queued"
        ]

    def add_runner(self, name: str, owner: str = "acme", **more: Any) -> int:
        self.known[name] = super().add_runner(name, owner, **more)
        return self.known[name]

    def join(self, agent: Agent) -> None:
        with self.lock:
            if agent.name not in self.known:
                self.add_runner(agent.name)
            super().join(agent)

    def may_take(self, agent: Agent) -> bool:
        return self.known[agent.name] in self.runners

    def begin(self, job: Any, agent: Agent, now: float) -> None:
        self.start(job, agent.name)
        self.jobs[job]["started_at"] = show_time(now)
        self.runners[self.known[agent.name]]["busy"] = True

    def end(self, job: Any) -> None:
        name = self.jobs[job]["runner_name"]
        self.finish(job)
        if (runner := self.runners.get(self.known[name])) is not None:
            runner["busy"] = False


class GitHubOnce(GitHub):
    """GitHub with a runner for each server, which ServerFleet registers for one job."""

    name = "github-once"
    variable = "ACTIONS_RUNNER_INPUT_JITCONFIG"
    cancels = True
    one_job = True

    def find_name(self, value: str) -> str:
        number = read_configuration(value)
        return next(name for name, known in self.known.items() if known == number)

    def end(self, job: Any) -> None:
        super().end(job)
        self.runners.pop(self.known[self.jobs[job]["runner_name"]], None)
