"""Cordon a server's agent over the Docker API: it takes no new builds, and uncordon it.

No agent can be told to take no builds and to stay. But most can be told to finish those
that they have and then end, as in a drain. So a cordon does just that, and its end
starts the agent again, once it has ended. An agent that a signal would make cancel its
builds is told while it has none, so under load it can take some more builds before.

Both can be repeated at any time: what was done is seen on the containers.
"""

from servers.lifecycle.conditions import Met, NotYet
from servers.machine.agents import daemon
from servers.machine.agents.builds import RUNNING
from servers.machine.agents.drain import drain_agent
from servers.machine.agents.plan import (
    DRAINING_NAME,
    SERVER_LABEL,
    AgentPlan,
    describe_container,
)
from servers.machine.agents.start import RUNS, look_at_agent, start_agent
from servers.machine.docker.client import Container, Docker
from servers.machine.docker.errors import ClashError, MissingError

FINISHING = Met("The agent finishes its builds before it is started again.")
CHANGED = NotYet("The agent's container has just changed. Looking again.")


def cordon_agent(docker: Docker, plan: AgentPlan) -> Met:
    """Have the agent take no new builds. That it has ended is no fault then.

    Raises DockerError if the daemon does not answer.
    """
    found = drain_agent(docker, plan)
    said = found.because if isinstance(found, NotYet) else found.reason
    return Met(f"It is cordoned. {said}")


def resume_agent(docker: Docker, plan: AgentPlan) -> Met | NotYet:
    """Tell whether the agent runs, and start it if a cordon has kept it from that.

    Raises DockerError if the daemon does not answer.
    """
    if plan.key == "none":
        return Met("No agent is needed.")
    try:
        return _resume(docker, plan)
    except (ClashError, MissingError):
        return CHANGED


def _resume(docker: Docker, plan: AgentPlan) -> Met | NotYet:
    mine = docker.list_containers({SERVER_LABEL: plan.uid}, all=True)
    told = [each for each in mine if each.name == DRAINING_NAME]
    for each in mine:
        if each.state == "paused":  # whoever paused it to tell it has died
            daemon.unpause(docker, each.id)
    if any(each.state in RUNNING for each in told):
        return FINISHING
    if mine and not told:
        return _look(docker, plan, mine[0])
    for each in told:
        docker.remove(each.id)
    found = start_agent(docker, plan)
    return RUNS if found.agent_started else found


def _look(docker: Docker, plan: AgentPlan, agent: Container) -> Met | NotYet:
    if agent.state not in RUNNING:
        return look_at_agent(docker, plan)
    # A cordon forbids its restart before it tells it, and may have come no further.
    policy = describe_container(plan)["HostConfig"]["RestartPolicy"]
    if daemon.read_restart(docker, agent.id) != policy["Name"]:
        daemon.set_restart(docker, agent.id, policy)
    return RUNS
