"""Cordon a server's agent, and let it take builds again, over the Docker API.

No agent can be told to take no builds and to stay. So it is told to finish those that
it has and to end, exactly as in a drain (see drain.py). One whose signal cancels builds
is told while it has none. Until then it can take more, because only the API of its CI
can cordon it at once. No agent is started on a server that is cordoned already.

When the server is uncordoned, the same container is started again once it has ended. It
keeps its files, so an agent that registers itself does so once.

The container itself remembers how far that went: its name says that it was told, and
its restart policy that it is cordoned. So each look can be repeated at any time and by
any process, and there is never a second container.
"""

from typing import Final

from servers.lifecycle.conditions import Met, NotYet
from servers.machine.agents import daemon
from servers.machine.agents.builds import RUNNING
from servers.machine.agents.drain import (
    BUSY,
    find_agent,
    note_told,
    tell_once,
    was_told,
)
from servers.machine.agents.plan import (
    DRAINING_NAME,
    NAME,
    SERVER_LABEL,
    AgentPlan,
    describe_container,
    find_restart_policy,
)
from servers.machine.agents.start import is_same, start_agent
from servers.machine.agents.table import AGENTS
from servers.machine.docker.client import Container, Docker
from servers.machine.docker.errors import ClashError, MissingError

ENDED: Final = Met("Its agent does not run, so it takes no builds.")
TOLD: Final = Met("Its agent takes no new builds, and ends after the running ones.")
CHANGED: Final = Met("Its agent has just changed. Looking again.", agent_behind=True)
FINISHING: Final = Met(
    "Its agent is still finishing the builds from before. It is started again once it "
    "has ended.",
    agent_behind=True,
)
STARTED: Final = Met("Its agent takes builds again.", agent_started=True)
LEFT: Final = Met("Its agent has ended after its one build.")


def explain_cordon(key: str) -> str:
    """Return what the cordon of a server stops whose agent follows, and what not."""
    if key in {"", "none"}:
        return (
            "ServerFleet starts no builds on it, so the cordon is a mark only: whoever "
            "has its certificates can still start some."
        )
    return TOLD.reason


def explain_drain(key: str) -> str:
    """Return whether a server can get new builds while it drains."""
    if key in {"", "none"}:
        return "Until then, builds can still be started on it from outside."
    if AGENTS[key].drain.cancels:
        return (
            "Its CI can send it builds until none runs on it, unless its pool's queue "
            "lets ServerFleet stop that."
        )
    return "Its agent takes no new builds."


def explain_order(key: str) -> str:
    """Return what a running agent is told when its server is cordoned."""
    if AGENTS[key].drain.cancels:
        return BUSY
    return "Its agent is told to take no new builds, and to end after the running ones."


def cordon_agent(docker: Docker, plan: AgentPlan) -> Met:
    """Have the agent take no new builds. Those that it has go on.

    Raises DockerError if the daemon does not answer.
    """
    try:
        agent = find_agent(docker, plan)
        if agent is not None:
            waits = tell_once(docker, plan, agent)
            return Met(waits, agent_behind=True) if waits else TOLD
        for each in docker.list_containers({SERVER_LABEL: plan.uid}, all=True):
            _set_policy(docker, each, "no")
    except (ClashError, MissingError):
        return CHANGED
    return ENDED


def resume_agent(docker: Docker, plan: AgentPlan) -> Met | NotYet:
    """Do what is next to have an agent take builds again, or for the first time.

    Raises DockerError if the daemon does not answer, or can't start it.
    """
    try:
        for each in docker.list_containers({SERVER_LABEL: plan.uid}, all=True):
            if each.state in RUNNING:
                return _keep(docker, plan, each)
            if plan.agent.one_build and each.name == NAME and each.state == "exited":
                return LEFT
            if is_same(docker.inspect(each.id), describe_container(plan)):
                return _start_again(docker, plan, each)
            docker.remove(each.id)
        found = start_agent(docker, plan)
    except (ClashError, MissingError):
        return CHANGED
    # Whether it stays is what the checks of health are for.
    return STARTED if found.agent_started else found


def _keep(docker: Docker, plan: AgentPlan, agent: Container) -> Met:
    """Undo the cordon of an agent that runs, if it does not know of it yet."""
    if agent.name == DRAINING_NAME:
        return FINISHING
    if daemon.read_restart_policy(docker.inspect(agent.id)) == "no":
        if was_told(docker, plan, agent):
            note_told(docker, agent)
            return FINISHING
        # If nobody knows, it may end nevertheless. Then its health check tells.
        _set_policy(docker, agent, find_restart_policy(plan.agent))
    if agent.state == "paused":
        daemon.unpause(docker, agent.id)
    return STARTED


def _start_again(docker: Docker, plan: AgentPlan, agent: Container) -> Met:
    # The name comes after the policy: an agent with its first name and the policy of a
    # cordon counts as one that may have been told.
    _set_policy(docker, agent, find_restart_policy(plan.agent))
    if agent.name != NAME:
        daemon.rename(docker, agent.id, NAME)
    docker.start(agent.id)
    return STARTED


def _set_policy(docker: Docker, agent: Container, policy: str) -> None:
    if daemon.read_restart_policy(docker.inspect(agent.id)) != policy:
        daemon.set_restart_policy(docker, agent.id, policy)
