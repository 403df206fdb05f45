"""The conditions on an instance that its agent makes: drained, for now."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from servers.lifecycle.conditions import Look, Met, NotYet
from servers.machine.agents.drain import drain_agent
from servers.machine.agents.plan import AgentPlan
from servers.machine.docker.client import Docker
from servers.machine.docker.errors import DockerError

# Reach the daemon at an address; all calls together last at most so many seconds.
Connect = Callable[[str, float], Docker]

NOTHING: Final = (
    "It has no agent and its template describes no builds, so there is nothing to "
    "wait for."
)
NO_ADDRESS: Final = "The cloud shows no address, so nobody can ask for its builds."


@dataclass(frozen=True, slots=True)
class Drained:
    """The condition that no build runs any more, and the agent has ended.

    ``plan`` is called for a look alone, because it decrypts. ``has_builds`` tells
    whether there can be any.
    """

    connect: Connect
    plan: Callable[[], AgentPlan]
    has_builds: bool

    def judge(self, address: str, _now: datetime) -> Met | NotYet | Look:
        """Return what is known, or the look that drains and tells."""
        if not self.has_builds:
            return Met(NOTHING)
        if not address:
            return NotYet(NO_ADDRESS)
        return LookAtDrain(self.connect, self.plan, address)


@dataclass(frozen=True, slots=True)
class LookAtDrain:
    """Do what is next of a drain over the Docker API."""

    connect: Connect
    plan: Callable[[], AgentPlan]
    address: str

    def __call__(self, *, timeout: float) -> Met | NotYet:
        """Return what the server still waits for."""
        plan = self.plan()
        try:
            with self.connect(self.address, timeout) as docker:
                return drain_agent(docker, plan)
        except DockerError as error:
            return NotYet(error.message)
