"""What runs on a simulated cloud's instances: Docker, an agent, builds, and health.

No instance of the sandbox can run anything. So that a template can be tried there, its
ports, its Docker daemon and its agent are simulated, unless the instance has a loopback
address, where something real can answer. So that a drill and the tests show how a
server drains and loses its health, an account's options say how long a build runs on
after its server's termination is requested, and which share of the servers fails its
checks, after how long. Nothing is connected to.
"""

import ipaddress
import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from servers.addresses import is_loopback
from servers.lifecycle.conditions import (
    Condition,
    Known,
    Look,
    Machine,
    Met,
    NotYet,
)
from servers.lifecycle.drain import count_builds

BUILD_SECONDS: Final = "build"
UNHEALTHY: Final = "unhealthy"
_HEALTHY: Final = Met("The sandbox simulates that it answers.")
WELL_SECONDS: Final = "well"


@dataclass(frozen=True, slots=True)
class Simulation:
    """What is simulated on one instance. ``since`` is when its state began."""

    since: datetime
    build: timedelta
    is_watched: bool
    unhealthy_from: datetime | None  # None: it stays healthy


def read_simulation(
    options: Mapping[str, Any], seed: str, since: datetime
) -> Simulation | None:
    """Return what an account's options say about one server; None if nothing."""
    build = float(options.get(BUILD_SECONDS, 0))
    share = float(options.get("faults", {}).get(UNHEALTHY, 0))
    if build <= 0 and share <= 0:
        return None
    ends = None
    if roll_health(seed) < share:
        ends = since + timedelta(seconds=float(options.get(WELL_SECONDS, 0)))
    return Simulation(since, timedelta(seconds=build), share > 0, ends)


def roll_health(seed: str) -> float:
    """Return the share of unhealthy servers from which a server is one of them."""
    # Not for secrets: the choice must be the same at each check.
    return random.Random(f"{UNHEALTHY}:{seed}").random()  # noqa: S311


def simulate(machine: Machine, simulation: Simulation) -> Machine:
    """Return the machine with what is simulated on it."""
    if simulation.build:
        machine = replace(machine, drained=_Builds(simulation))
    if simulation.is_watched:
        machine = replace(machine, healthy=_Health(simulation))
    return machine


def simulate_port(machine: Machine, port: int) -> Machine:
    """Return the machine with a port that answers where its address is simulated."""
    open_port = Met(f"The sandbox simulates that port {port} accepts connections.")
    return replace(machine, ready=_Unreal(machine.ready, open_port))


def simulate_docker(machine: Machine, *, has_agent: bool, cordoned: bool) -> Machine:
    """Return the machine with a Docker daemon, and an agent, where it has none."""
    what = "Docker and the agent" if has_agent else "Docker"
    ready = Met(
        f"The sandbox simulates {what}. Nothing runs on the instance.",
        agent_started=has_agent and not cordoned,
    )
    if cordoned:
        followed = Met("Its simulated agent takes no new builds.")
    else:
        followed = Met("Its simulated agent takes builds again.", agent_started=True)
    return replace(
        machine,
        ready=_Unreal(machine.ready, ready),
        drained=_Unreal(machine.drained, Met("The sandbox simulates no builds.")),
        healthy=machine.healthy and _Unreal(machine.healthy, _HEALTHY),
        followed=machine.followed and _Unreal(machine.followed, followed),
    )


@dataclass(frozen=True, slots=True)
class _Unreal:
    """A condition whose looks are simulated where the address is."""

    real: Condition
    found: Met

    def judge(self, address: str, now: datetime) -> Met | NotYet | Look:
        """Return what is known, or the look that tells."""
        judged = self.real.judge(address, now)
        if isinstance(judged, Met | NotYet) or can_answer(address):
            return judged
        return Known(self.found)


def can_answer(address: str) -> bool:
    """Tell whether something real can answer at an address of a simulated cloud."""
    try:
        return is_loopback(ipaddress.ip_address(address))
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class _Builds:
    simulation: Simulation

    def judge(self, _address: str, now: datetime) -> Look:
        """Return the look that tells whether the simulated build has finished."""
        if now >= self.simulation.since + self.simulation.build:
            return Known(Met("The simulated build has finished."))
        builds = ("simulated-build",)
        return Known(NotYet(count_builds(builds), builds=builds))


@dataclass(frozen=True, slots=True)
class _Health:
    simulation: Simulation

    def judge(self, _address: str, now: datetime) -> Look:
        """Return the look that tells whether the instance is healthy."""
        ends = self.simulation.unhealthy_from
        if ends is not None and now >= ends:
            return Known(NotYet("The sandbox simulates that it does not answer."))
        return Known(_HEALTHY)
