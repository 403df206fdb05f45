"""The kinds of readiness, in one literal table. A template names one of them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from servers.lifecycle.conditions import Machine
from servers.machine.tcp import OpenPort


@dataclass(frozen=True, slots=True)
class Target:
    """What the kinds need to know about a server.

    ``loopback`` allows this machine itself, as for a simulated cloud.
    """

    port: int
    loopback: bool = False


@dataclass(frozen=True, slots=True)
class Readiness:
    """One kind. ``label`` completes *Ready when*."""

    label: str
    describe: Callable[[Target], Machine]


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
    return READINESS[readiness].describe(target)
