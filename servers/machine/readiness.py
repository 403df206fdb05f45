"""The kinds of readiness, in one literal table. A template names one of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from servers.lifecycle.conditions import Machine
from servers.machine.simulated import Simulation, simulate
from servers.machine.tcp import OpenPort


@dataclass(frozen=True, slots=True)
class Target:
    """What the kinds need to know about a server.

    ``loopback`` allows this machine itself, as for a simulated cloud. ``simulation`` is
    what such a cloud simulates on the instance.
    """

    port: int
    loopback: bool = False
    simulation: Simulation | None = None


@dataclass(frozen=True, slots=True)
class Readiness:
    """One kind. ``label`` completes *Ready when*.

    ``has_host``: its servers have a record of what is known about their machines.
    """

    label: str
    describe: Callable[[Target], Machine]
    has_host: bool = False


READINESS: Final = {
    "address": Readiness("it has an address", lambda _: Machine()),
    "tcp": Readiness(
        "a port accepts connections (tcp)",
        lambda target: Machine(ready=OpenPort(target.port, target.loopback)),
    ),
}


def list_readiness() -> list[tuple[str, str]]:
    """Return the name and the label of each kind."""
    return [(name, kind.label) for name, kind in READINESS.items()]


def describe_machine(readiness: str, target: Target) -> Machine:
    """Return what must hold on the instance of a server with this readiness."""
    machine = READINESS[readiness].describe(target)
    if target.simulation is not None:
        return simulate(machine, target.simulation)
    return machine
