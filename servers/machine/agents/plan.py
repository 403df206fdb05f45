"""What one server's agent is, whatever starts it: its container's configuration."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final

from servers.machine.agents.kinds import Agent
from servers.machine.agents.table import AGENTS

NAME: Final = "serverfleet-agent"
# The name after the agent was told to end. It remembers that, whoever looks next.
DRAINING_NAME: Final = "serverfleet-agent-draining"
SERVER_LABEL: Final = "serverfleet.agent"
CONFIG_LABEL: Final = "serverfleet.config"


@dataclass(frozen=True, slots=True)
class Runner:
    """As what a CI registered one server's agent: its name, and variables it needs."""

    name: str
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class AgentPlan:
    """The agent of one server.

    ``key`` names an entry of the table. ``uid`` is the server's id in hex. Containers
    with all of ``build_labels`` are builds, too, whatever the agent. For the time of
    ``deaf`` after its start the agent may miss a signal: until a program says what it
    does with one, the first process of a container ignores it.
    """

    key: str
    uid: str
    image: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    build_labels: Mapping[str, str] = field(default_factory=dict)
    deaf: timedelta = timedelta(seconds=5)

    @property
    def agent(self) -> Agent:
        """The entry of the table."""
        return AGENTS[self.key]


def plan_agent(
    key: str,
    *,
    uid: str,
    name: str,
    capacity: int,
    image: str = "",
    environment: str = "",
    build_labels: Mapping[str, str] | None = None,
    runner: Runner | None = None,
) -> AgentPlan:
    """Return the agent of a server from the values of its template.

    ``environment`` is the JSON object that the template keeps, and ``name`` the
    server's. If the agent is registered as a ``runner``, that is its name, and the
    template's variables count before those of the CI.
    """
    agent = AGENTS[key]
    values = {each.name: each.default for each in agent.variables if each.default}
    values |= runner.environment if runner else {}
    values |= json.loads(environment) if environment else {}
    values |= agent.fixed
    if agent.capacity:
        values[agent.capacity] = str(capacity)
    if agent.name:
        values[agent.name] = agent.name_pattern.format(
            name=runner.name if runner else name
        )
    return AgentPlan(
        key=key,
        uid=uid,
        image=choose_image(key, image),
        environment=values if key != "none" else {},
        build_labels=dict(build_labels or {}),
    )


def choose_image(key: str, image: str) -> str:
    """Return the image that an agent is started from; "" if there is no agent."""
    return (image or AGENTS[key].image) if key != "none" else ""


def describe_container(plan: AgentPlan) -> dict[str, Any]:
    """Return the configuration of the agent's container, as the Docker API takes it.

    It is the same each time, and labelled with its digest, so that a container of an
    older configuration can be told.
    """
    agent = plan.agent
    config: dict[str, Any] = {
        "Image": plan.image,
        "Env": [f"{name}={value}" for name, value in sorted(plan.environment.items())],
        "HostConfig": {
            "Binds": list(agent.binds),
            "RestartPolicy": {"Name": find_restart_policy(agent)},
        },
    }
    if agent.entrypoint:
        config["Entrypoint"] = list(agent.entrypoint)
    if agent.command:
        config["Cmd"] = list(agent.command)
    if agent.user:
        config["User"] = agent.user
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()
    config["Labels"] = {SERVER_LABEL: plan.uid, CONFIG_LABEL: digest[:16]}
    return config


def find_restart_policy(agent: Agent) -> str:
    """Return Docker's restart policy: what has run its only build stays ended."""
    return "no" if agent.one_build else "unless-stopped"
