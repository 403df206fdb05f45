"""Start a server's agent over the Docker API, and see whether it still runs.

The container's name is fixed, so the daemon itself makes sure that there is one. Its
labels say whose it is and of which configuration. So each step can be repeated at any
time, and by any process: whoever comes later finds what is there, and goes on.
"""

from datetime import timedelta
from typing import Any, Final

from servers.lifecycle.conditions import Met, NotYet
from servers.machine.agents.builds import RUNNING
from servers.machine.agents.daemon import read_value, runs_longer_than
from servers.machine.agents.plan import (
    CONFIG_LABEL,
    DRAINING_NAME,
    NAME,
    SERVER_LABEL,
    AgentPlan,
    describe_container,
)
from servers.machine.docker.client import Docker
from servers.machine.docker.errors import ClashError, MissingError
from servers.wording import make_printable

# What ended before has to run this long to count as started.
STEADY: Final = timedelta(seconds=10)
RUNS: Final = Met("The agent runs.", agent_started=True)
SPENT: Final = Met(
    "The agent has ended after its one build.", agent_started=True, agent_spent=True
)
JUST_STARTED: Final = NotYet(
    "The agent was started. Waiting to see whether it stays.", agent_started=True
)


def start_agent(docker: Docker, plan: AgentPlan) -> Met | NotYet:
    """Bring the agent's container about, and tell whether it runs.

    Raises DockerError, except for what other calls can have done meanwhile.
    """
    if plan.key == "none":
        return Met("No agent is needed.")
    config = describe_container(plan)
    for each in docker.list_containers({SERVER_LABEL: ""}, all=True):
        if each.labels.get(SERVER_LABEL, plan.uid) != plan.uid:
            # Of the instance that this one's image was taken of.
            docker.remove(each.id)
        elif each.name == DRAINING_NAME:
            # A look that was late must not undo what others have done since.
            return NotYet("The agent was told to finish, so it is not started again.")
    try:
        found: dict[str, Any] | None = docker.inspect(NAME)
    except MissingError:
        found = None
    try:
        if found is not None and not is_same(found, config):
            docker.remove(NAME)
            found = None
        if found is None:
            return _create(docker, plan, config)
        return _judge_start(docker, plan, found)
    except (ClashError, MissingError):
        return NotYet("The agent's container has just changed. Looking again.")


def look_at_agent(docker: Docker, plan: AgentPlan) -> Met | NotYet:
    """Tell whether the agent of a running server still runs. Changes nothing.

    Raises DockerError if the daemon does not answer.
    """
    if plan.key == "none":
        return Met("No agent is needed.")
    for each in docker.list_containers({SERVER_LABEL: plan.uid}, all=True):
        if each.state in RUNNING - {"restarting"}:
            return RUNS
        return _judge_end(docker, plan, docker.inspect(each.id))
    return NotYet("The agent's container is gone. Someone removed it.")


def _create(docker: Docker, plan: AgentPlan, config: dict[str, Any]) -> NotYet:
    if not docker.has_image(plan.image):
        return NotYet(
            f"Waiting for the agent's image {plan.image}. The instance pulls it at its "
            "first boot."
        )
    docker.start(docker.create(NAME, config))
    return JUST_STARTED


def is_same(found: dict[str, Any], config: dict[str, Any]) -> bool:
    """Tell whether a container is this server's, with this configuration."""
    wanted = config["Labels"]
    return all(
        read_value(found, "Config", "Labels", each) == wanted[each]
        for each in (SERVER_LABEL, CONFIG_LABEL)
    )


def _judge_start(
    docker: Docker, plan: AgentPlan, found: dict[str, Any]
) -> Met | NotYet:
    state = read_value(found, "State", "Status")
    if state == "created":
        docker.start(NAME)
        return JUST_STARTED
    if state not in {"running", "paused"}:
        return _judge_end(docker, plan, found)
    again = found.get("RestartCount")
    if isinstance(again, int) and again and not runs_longer_than(found, STEADY):
        return NotYet(
            f"The agent has ended and been restarted {again} times so far. See "
            f"its log with: docker logs {NAME}",
            agent_started=True,
        )
    return RUNS


def _judge_end(docker: Docker, plan: AgentPlan, found: dict[str, Any]) -> Met | NotYet:
    """Tell whether an agent that does not run had the one build that it was for."""
    if plan.agent.one_build and _had_build(docker, plan, found):
        return SPENT
    return _explain_end(plan, found)


def _had_build(docker: Docker, plan: AgentPlan, found: dict[str, Any]) -> bool:
    # One that was told to end, or was never started, may not have had it.
    name = str(read_value(found, "Name")).removeprefix("/")
    if name != NAME or read_value(found, "State", "Status") != "exited":
        return False
    if plan.agent.trace:
        return docker.has_path(NAME, plan.agent.trace)
    return bool(read_value(found, "State", "ExitCode") == 0)


def _explain_end(plan: AgentPlan, found: dict[str, Any]) -> NotYet:
    code = read_value(found, "State", "ExitCode")
    code = code if isinstance(code, int) else "?"
    if plan.agent.one_build and code == 0:
        return NotYet(
            "The agent has ended without a build, and can't be started again. Probably "
            f"its CI did not let it in. See its log with: docker logs {NAME}"
        )
    if error := read_value(found, "State", "Error"):
        words = make_printable(str(error))[:300].rstrip(".")
        return NotYet(f"Docker can't start the agent: {words}.")
    return NotYet(
        f"The agent has ended with exit code {code}. Check the template's agent "
        f"variables, and its log with: docker logs {NAME}"
    )
