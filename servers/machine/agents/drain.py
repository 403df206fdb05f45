"""Drain a server over the Docker API: its builds end, then its agent, then the server.

The order is: cordon, look again, tell, wait.

- *Cordon*: the daemon never starts the agent again by itself. The CI of a pool's queue
  is told by pools/cordons.py, if its API can. A server that was cordoned
  before it drains has that and the next step behind it (see cordon.py).
- *Tell*: the agent gets its signal once, but not in the first seconds after its start,
  in which it could miss it. For most agents a second one cancels builds,
  and ServerFleet can die between the signal and its record. So the record is with the
  daemon: the container is renamed after the signal. Who finds the old name asks the
  daemon whether it has sent a signal since it started the agent. It remembers its last
  256 events, so if the cordon is among them and no signal, none was sent. If it can't
  tell any more, the agent is told as one that cancels.
- An agent that *cancels* its builds is told only while none runs. It is paused, and
  looked at again, so that it can't take one in between.
- *Wait*: until neither the agent nor a build runs.

Each look takes one path through this. Nothing is remembered besides, so any process
can take the next look.
"""

import signal
from contextlib import suppress
from typing import Any, Final

from servers.lifecycle.conditions import Met, NotYet
from servers.lifecycle.drain import count_builds
from servers.machine.agents import daemon
from servers.machine.agents.builds import find_builds
from servers.machine.agents.plan import DRAINING_NAME, SERVER_LABEL, AgentPlan
from servers.machine.docker.client import Container, Docker
from servers.machine.docker.errors import ApiError, ClashError, MissingError

BUSY: Final = (
    "Its agent is told to end once no build runs. Until then its CI can still "
    "send it builds, because only the CI's own API can cordon it at once. "
    "ServerFleet calls that API for the servers of a pool, if the pool's queue "
    "has one."
)


def drain_agent(docker: Docker, plan: AgentPlan) -> Met | NotYet:
    """Do what is next to drain a server, and tell what it still waits for.

    Raises DockerError if the daemon does not answer.
    """
    agent = find_agent(docker, plan)
    try:
        if agent is not None:
            tell_once(docker, plan, agent)
    except (ClashError, MissingError):
        pass  # it has just ended; the next look sees how
    # Those that have ended can be very many, and are of no interest.
    containers = docker.list_containers()
    builds = find_builds(plan, containers)
    runs = any(each.labels.get(SERVER_LABEL) == plan.uid for each in containers)
    if builds:
        return NotYet(count_builds(builds), builds=builds)
    if runs:
        return NotYet("Waiting for the agent to finish its builds and end.", builds=())
    return Met(
        "Its agent has ended, and no build runs."
        if plan.key != "none"
        else "No build runs."
    )


def find_agent(docker: Docker, plan: AgentPlan) -> Container | None:
    """Return the agent's container while it runs."""
    if plan.key == "none":
        return None
    return next(iter(docker.list_containers({SERVER_LABEL: plan.uid})), None)


def tell_once(docker: Docker, plan: AgentPlan, agent: Container) -> str:
    """Tell a running agent to finish. Return what that has to wait for, or "".

    Raises ClashError or MissingError if it has just ended.
    """
    if agent.name == DRAINING_NAME:
        return ""
    found = docker.inspect(agent.id)
    fresh = _cordon(docker, agent, found)
    # Its restart is forbidden first of all. So until then nothing was sent.
    told = False if fresh else was_told(docker, plan, agent)
    if not told and not daemon.runs_longer_than(found, plan.deaf):
        return "Its agent has only just started. ServerFleet tells it in a moment."
    if plan.agent.drain.cancels or told is None:
        return "" if _tell_idle(docker, plan, agent) else BUSY
    if not told:
        docker.kill(agent.id, plan.agent.drain.signal)
    note_told(docker, agent)
    return ""


def note_told(docker: Docker, agent: Container) -> None:
    """Write on the container that its agent has its signal. It may not run any more."""
    # A daemon without networks can't rename a container that it has started again. Then
    # its events have to do.
    with suppress(MissingError):
        daemon.rename(docker, agent.id, DRAINING_NAME)


def _cordon(docker: Docker, agent: Container, found: dict[str, Any]) -> bool:
    """Forbid the agent's restart. Return False if that was done before."""
    if daemon.read_restart_policy(found) == "no":
        return False
    daemon.set_restart_policy(docker, agent.id, "no")
    return True


def was_told(docker: Docker, plan: AgentPlan, agent: Container) -> bool | None:
    """Tell whether a cordoned agent has its signal; None if nobody knows."""
    actions = daemon.list_actions(docker, agent.id)
    while ("start", "") in actions:  # what was before is of an earlier cordon
        actions = actions[actions.index(("start", "")) + 1 :]
    number = str(int(signal.Signals[plan.agent.drain.signal]))
    if ("kill", number) in actions:
        return True
    # The memory reaches back to the cordon, so the signal would be in it.
    return False if ("update", "") in actions else None


def _tell_idle(docker: Docker, plan: AgentPlan, agent: Container) -> bool:
    """Tell an agent while no build runs and it can't take one. False: one runs."""
    if agent.state != "paused":
        if _is_busy(docker, plan, agent):
            return False
        # Not every daemon can. Then the second look comes a moment after the first.
        with suppress(ApiError):
            daemon.pause(docker, agent.id)
    if _is_busy(docker, plan, agent):
        with suppress(ApiError):
            daemon.unpause(docker, agent.id)
        return False
    docker.kill(agent.id, plan.agent.drain.signal)
    with suppress(ApiError):  # some daemons let it go on by themselves
        daemon.unpause(docker, agent.id)
    note_told(docker, agent)
    return True


def _is_busy(docker: Docker, plan: AgentPlan, agent: Container) -> bool:
    """Tell whether a build runs, also one that has no container at this moment."""
    rules = plan.agent.builds
    if find_builds(plan, docker.list_containers()):
        return True
    if rules.network and daemon.has_network(docker, rules.network):
        return True
    return bool(rules.process) and any(
        rules.process in each for each in daemon.list_processes(docker, agent.id)
    )
