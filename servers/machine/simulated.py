"""The builds and the health of a simulated cloud's instances.

No instance of the sandbox can run a build. So that a first look, a drill and the tests
show how a server drains and loses its health, an account's options say how long a build
runs on after its server's termination is requested, and which share of the servers
fails its checks. Nothing is connected to.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from servers.lifecycle.conditions import Known, Look, Machine, Met, NotYet

BUILD_SECONDS: Final = "build"
UNHEALTHY: Final = "unhealthy"


@dataclass(frozen=True, slots=True)
class Simulation:
    """What is simulated on one instance. ``since`` is when its state began."""

    since: datetime
    build: timedelta
    is_watched: bool
    is_unhealthy: bool


def read_simulation(
    options: Mapping[str, Any], seed: str, since: datetime
) -> Simulation | None:
    """Return what an account's options say about one server; None if nothing."""
    build = float(options.get(BUILD_SECONDS, 0))
    share = float(options.get("faults", {}).get(UNHEALTHY, 0))
    if build <= 0 and share <= 0:
        return None
    # Not for secrets: the choice must be the same at each check.
    rolled = random.Random(f"{UNHEALTHY}:{seed}").random()  # noqa: S311
    return Simulation(since, timedelta(seconds=build), share > 0, rolled < share)


def simulate(machine: Machine, simulation: Simulation) -> Machine:
    """Return the machine with what is simulated on it."""
    if simulation.build:
        machine = replace(machine, drained=_Builds(simulation))
    if simulation.is_watched:
        machine = replace(machine, healthy=_Health(simulation))
    return machine


@dataclass(frozen=True, slots=True)
class _Builds:
    simulation: Simulation

    def judge(self, _address: str, now: datetime) -> Look:
        """Return the look that tells whether the simulated build has finished."""
        if now >= self.simulation.since + self.simulation.build:
            return Known(Met("The simulated build has finished."))
        return Known(
            NotYet("Waiting for 1 build to finish.", builds=("simulated-build",))
        )


@dataclass(frozen=True, slots=True)
class _Health:
    simulation: Simulation

    def judge(self, _address: str, _now: datetime) -> Look:
        """Return the look that tells whether the instance is healthy."""
        if self.simulation.is_unhealthy:
            return Known(NotYet("The sandbox simulates that it does not answer."))
        return Known(Met("The sandbox simulates that it answers."))
