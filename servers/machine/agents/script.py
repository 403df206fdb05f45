"""The agent where ServerFleet does not reach the instance: a script of its own.

The user data brings two files. The script names no secret, because everybody on the
instance can read it and see its commands. The variables are in a file for
``docker create --env-file``, which only root can read.
"""

import math
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from servers.machine.agents.kinds import Builds
from servers.machine.agents.plan import (
    CONFIG_LABEL,
    DRAINING_NAME,
    NAME,
    AgentPlan,
    describe_container,
    find_restart_policy,
)
from servers.machine.shell import drop_comments

_STEPS: Final = Path(__file__).with_name("agent.sh")


def render_agent_environment(plan: AgentPlan) -> str:
    """Return the content of the file of variables. It is secret."""
    pairs = sorted(plan.environment.items())
    return "".join(f"{name}={value}\n" for name, value in pairs)


def render_agent_script(
    plan: AgentPlan,
    *,
    environment_path: str,
    run: str = "/run/serverfleet",
    started: str = "/var/lib/serverfleet/agent-started",
) -> str:
    """Return the script that starts and drains the agent, for a POSIX shell.

    ``environment_path`` is where the file of variables is, and ``run`` the folder in
    which the callback notes that the server is cordoned. ``started`` is the file that
    tells that the agent was ever started. Its calls are described at the head of
    agent.sh. Without an agent it still tells whether a build runs.
    """
    drain, rules = plan.agent.drain, plan.agent.builds
    config = describe_container(plan)["Labels"][CONFIG_LABEL]
    values = {
        "run": run,
        "started": started,
        "uid": plan.uid,
        "config": config,
        "name": NAME,
        "draining": DRAINING_NAME,
        "image": plan.image,
        "restart": find_restart_policy(plan.agent),
        "signal": drain.signal,
        "cancels": "yes" if drain.cancels else "no",
        "deaf": str(math.ceil(plan.deaf.total_seconds())),
        "network": rules.network,
        "process": rules.process,
        "trace": plan.agent.trace,
    }
    lines = [f"{name}={shlex.quote(value)}\n" for name, value in values.items()]
    return "".join(
        (
            "#!/bin/sh\nset -u\n",
            *lines,
            "\ncreate() {\n    ",
            shlex.join(_list_words(plan, environment_path)),
            "\n}\n\nlist_builds() {\n    {\n        :\n",
            *(f"        {line}\n" for line in _list_commands(plan)),
            "    } | sort -u\n}\n",
            drop_comments(_STEPS.read_text(encoding="ascii")),
        )
    )


def _list_words(plan: AgentPlan, environment_path: str) -> list[str]:
    """Return the command that creates the container, as the Docker API would."""
    agent, config = plan.agent, describe_container(plan)
    words = ["docker", "create", "--name", NAME]
    for name, value in config["Labels"].items():
        words += ["--label", f"{name}={value}"]
    words += ["--restart", find_restart_policy(agent), "--env-file", environment_path]
    for bind in agent.binds:
        words += ["--volume", bind]
    if agent.user:
        words += ["--user", agent.user]
    # The option takes one word only. What follows it comes before the command.
    first, *rest = agent.entrypoint or ("",)
    if first:
        words += ["--entrypoint", first]
    return [*words, plan.image, *rest, *agent.command]


def _list_commands(plan: AgentPlan) -> list[str]:
    """Return the commands that print the names of the builds that run."""
    rules = plan.agent.builds
    found = [
        _list_by(rules, [f"label={each}" for each in _join_labels(labels)])
        for labels in (plan.build_labels, rules.labels)
        if labels
    ]
    if rules.name:
        found.append(_list_by(rules, [f"name={rules.name.pattern}"]))
    if rules.label:
        pattern = re.sub(r"^\^|\$$", "", rules.label.pattern)
        found.append(shlex.join(("list_by_label_name", pattern)))
    return found


def _list_by(rules: Builds, filters: list[str]) -> str:
    title = " ".join(f'{{{{.Label "{name}"}}}}' for name in rules.titles)
    # Without a title the container's name, as in name_build.
    shown = (
        f'{{{{if .Label "{rules.titles[-1]}"}}}}{title}{{{{else}}}}{{{{.Names}}}}'
        "{{end}}"
        if title
        else "{{.Names}}"
    )
    words = ["docker", "ps", "--format", shown]
    for each in filters:
        words += ["--filter", each]
    return shlex.join(words)


def _join_labels(labels: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" if value else name for name, value in labels.items()]
