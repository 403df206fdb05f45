"""The kinds of readiness, in one literal table. A template names one of them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from servers.lifecycle.conditions import Machine, Met, NotYet
from servers.machine.agents.cordon import (
    cordon_agent,
    explain_cordon,
    resume_agent,
)
from servers.machine.agents.looks import Drained
from servers.machine.agents.plan import AgentPlan
from servers.machine.agents.start import look_at_agent, start_agent
from servers.machine.agents.table import AGENTS
from servers.machine.callback.conditions import Report, describe_callback
from servers.machine.docker.client import Docker
from servers.machine.docker.condition import (
    Daemon,
    FindDaemon,
    Step,
    answer,
    have_images,
    ping,
)
from servers.machine.simulated import (
    Simulation,
    simulate,
    simulate_docker,
    simulate_port,
)
from servers.machine.tcp import OpenPort


@dataclass(frozen=True, slots=True)
class Target:
    """What the kinds need to know about a server.

    ``loopback`` is for a simulated cloud: it allows this machine itself, and simulates
    what answers at other addresses. ``simulation`` is what the account simulates. The
    instance has been starting ``since`` then, and pulls ``images``. ``agent`` names the
    one that runs there. ``agent_behind``: it may not do yet what ``cordoned`` says.
    ``has_builds``: some containers are known to be builds. ``find_daemon`` and
    ``find_agent`` return what only a look needs. ``report`` is what its instance has
    reported.
    """

    port: int
    loopback: bool = False
    simulation: Simulation | None = None
    since: datetime | None = None
    images: tuple[str, ...] = ()
    agent: str = "none"
    agent_behind: bool = False
    cordoned: bool = False
    has_builds: bool = False
    find_daemon: FindDaemon | None = None
    find_agent: Callable[[], AgentPlan] | None = None
    report: Report = field(default_factory=Report)

    @property
    def has_agent(self) -> bool:
        """Whether an agent runs there."""
        return self.agent != "none"


@dataclass(frozen=True, slots=True)
class Readiness:
    """One kind. ``label`` completes *Ready when*.

    ``has_host``: its servers have a record of what is known about their machines.
    """

    label: str
    describe: Callable[[Target], Machine]
    has_host: bool = False


def describe_docker(target: Target) -> Machine:
    """Return what must hold where ServerFleet reaches the Docker daemon.

    The agent is started by the look that finds everything else ready, unless the server
    is cordoned. The agent of a cordoned server may end, so nobody misses it then.
    """
    assert target.find_daemon is not None
    daemon = partial(Daemon, target.find_daemon)
    ready: list[Step] = [answer, have_images(target.images)]
    healthy: list[Step] = [ping]
    followed = None
    if target.has_agent:
        follow = _with_agent(target, cordon_agent if target.cordoned else resume_agent)
        followed = daemon((follow,))
        is_settled = not target.cordoned and not target.agent_behind
        start = _with_agent(target, start_agent) if is_settled else follow
        look = _with_agent(target, look_at_agent) if is_settled else follow
        ready.append(start)
        healthy.append(look)
    machine = Machine(
        ready=daemon(tuple(ready), target.since),
        drained=_describe_drain(target),
        healthy=daemon(tuple(healthy)),
        followed=followed,
        cordon=explain_cordon(target.agent),
        # A worker that was killed may have started the agent without recording it. The
        # daemon knows. If it does not answer, it did not answer that worker either.
        unready_wait=timedelta() if target.has_agent else None,
        ends_itself=AGENTS[target.agent].one_build,
    )
    if not target.loopback:
        return machine
    return simulate_docker(
        machine, has_agent=target.has_agent, cordoned=target.cordoned
    )


def describe_port(target: Target) -> Machine:
    """Return what must hold where a port has to accept connections."""
    machine = Machine(ready=OpenPort(target.port, target.loopback))
    return simulate_port(machine, target.port) if target.loopback else machine


def describe_report(target: Target) -> Machine:
    """Return what must hold where only the instance reaches ServerFleet."""
    has_builds = target.has_agent or target.has_builds
    return describe_callback(
        target.report, has_agent=target.has_agent, has_builds=has_builds
    )


def _describe_drain(target: Target) -> Drained:
    find_daemon, find_agent = target.find_daemon, target.find_agent
    assert find_daemon is not None
    assert find_agent is not None
    return Drained(
        lambda address, timeout: Docker(find_daemon(address), timeout=timeout),
        find_agent,
        has_builds=target.has_agent or target.has_builds,
    )


def _with_agent(
    target: Target, step: Callable[[Docker, AgentPlan], Met | NotYet]
) -> Step:
    """Return the step, with an agent's plan that is read when the step is taken."""
    find = target.find_agent
    assert find is not None
    return lambda docker: step(docker, find())


READINESS: Final = {
    "address": Readiness("it has an address", lambda _: Machine()),
    "tcp": Readiness("a port accepts connections (tcp)", describe_port),
    "docker": Readiness(
        "its Docker daemon answers, and its agent runs (docker)",
        describe_docker,
        has_host=True,
    ),
    "callback": Readiness(
        "its instance reports that it is ready (callback)",
        describe_report,
        has_host=True,
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
