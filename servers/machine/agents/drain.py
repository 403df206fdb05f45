"""Drain a server over the Docker API: its builds end, then its agent, then the server.

The order is: cordon, look again, tell, wait.

- *Cordon*: the daemon never starts the agent again by itself. This is also where the
  API of a CI will be told to give the agent no more builds.
- *Tell*: the agent gets its signal once. For most agents a second one cancels builds,
  and ServerFleet can die between the signal and its record. So the record is with the
  daemon: the container is renamed after the signal. Who finds the old name asks the
  daemon whether it has sent a signal since the cordon, which it remembers for its last
  256 events. If it can't tell any more, the agent is told as one that cancels.
- An agent that *cancels* its builds is told only while none runs. It is paused, and
  looked at again, so that it can't take one in between.
- *Wait*: until neither the agent nor a build runs.

Each look takes one path through this. Nothing is remembered besides, so any process
can take the next look.
"""

import signal
from contextlib import suppress

from servers.lifecycle.conditions import Met, NotYet
from servers.machine.agents import daemon
from servers.machine.agents.builds import find_builds
from servers.machine.agents.plan import DRAINING_NAME, SERVER_LABEL, AgentPlan
from servers.machine.docker.client import Container, Docker
from servers.machine.docker.errors import ApiError, ClashError, MissingError
from servers.wording import count_of


def drain_agent(docker: Docker, plan: AgentPlan) -> Met | NotYet:
    """Do what is next to drain a server, and tell what it still waits for.

    Raises DockerError if the daemon does not answer.
    """
    agent = _find_agent(docker, plan)
    try:
        if agent is not None:
            _tell_once(docker, plan, agent)
    except (ClashError, MissingError):
        pass  # it has just ended; the next look sees how
    # Those that have ended can be very many, and are of no interest.
    containers = docker.list_containers()
    builds = find_builds(plan, containers)
    runs = any(each.labels.get(SERVER_LABEL) == plan.uid for each in containers)
    if builds:
        count = count_of(len(builds), "build")
        return NotYet(f"Waiting for {count} to finish.", builds=builds)
    if runs:
        return NotYet("Waiting for the agent to finish its builds and end.", builds=())
    return Met(
        "Its agent has ended, and no build runs."
        if plan.key != "none"
        else "No build runs."
    )


def _find_agent(docker: Docker, plan: AgentPlan) -> Container | None:
    """Return the agent's container while it runs."""
    if plan.key == "none":
        return None
    return next(iter(docker.list_containers({SERVER_LABEL: plan.uid})), None)


def _tell_once(docker: Docker, plan: AgentPlan, agent: Container) -> None:
    if agent.name == DRAINING_NAME:
        return
    fresh = _cordon(docker, agent)
    # Its restart is forbidden first of all. So until then nothing was sent.
    told = False if fresh else _was_told(docker, plan, agent)
    if plan.agent.drain.cancels or told is None:
        _tell_idle(docker, plan, agent)
        return
    if not told:
        docker.kill(agent.id, plan.agent.drain.signal)
    daemon.rename(docker, agent.id, DRAINING_NAME)


def _cordon(docker: Docker, agent: Container) -> bool:
    """Forbid the agent's restart. Return False if that was done before."""
    if daemon.read_restart(docker, agent.id) == "no":
        return False
    daemon.forbid_restart(docker, agent.id)
    return True


def _was_told(docker: Docker, plan: AgentPlan, agent: Container) -> bool | None:
    """Tell whether a cordoned agent has its signal; None if nobody knows."""
    if plan.agent.drain.cancels:
        return None  # it makes no difference
    actions = daemon.list_actions(docker, agent.id)
    number = str(int(signal.Signals[plan.agent.drain.signal]))
    if ("kill", number) in actions:
        return True
    # The memory reaches back to the cordon, so the signal would be in it.
    return False if ("update", "") in actions else None


def _tell_idle(docker: Docker, plan: AgentPlan, agent: Container) -> None:
    """Tell an agent that no build runs, while it can't take one."""
    if agent.state != "paused":
        if _is_busy(docker, plan, agent):
            return
        # Not every daemon can. Then the second look comes a moment after the first.
        with suppress(ApiError):
            daemon.pause(docker, agent.id)
    if _is_busy(docker, plan, agent):
        with suppress(ApiError):
            daemon.unpause(docker, agent.id)
        return
    docker.kill(agent.id, plan.agent.drain.signal)
    with suppress(ApiError):  # some daemons let it go on by themselves
        daemon.unpause(docker, agent.id)
    daemon.rename(docker, agent.id, DRAINING_NAME)


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
