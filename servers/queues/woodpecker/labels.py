"""Which of Woodpecker's agents may run which task, by the labels of both.

Source: woodpecker-ci/woodpecker, server/scheduler/filter.go, and the labels that each
agent has by itself, cmd/agent/core/agent.go, as of v3.
"""

from typing import Final

from servers.queues.base import Labels

# What an agent says unless its settings say otherwise. Its server adds the last one.
DEFAULTS: Final = {"repo": "*", "backend": "docker", "org-id": "*"}
_INTERNAL: Final = "woodpecker-ci.org"  # names that begin so select no agent
_REQUIRED: Final = "!"
_ANY: Final = "*"


def match_task(job: Labels, pool: Labels) -> int | None:
    """Let an agent run a task whose labels, those with a value, it carries.

    An agent's value ``*`` fits any value. A task must have each label of an agent that
    starts with ``!``, with the same value.
    """
    for name, value in pool.items():
        if name.startswith(_REQUIRED) and job.get(name[1:]) != value:
            return None
    offered = _offer(pool)
    asked = _ask(job)
    if any(offered.get(name) not in {_ANY, value} for name, value in asked.items()):
        return None
    own = {name.removeprefix(_REQUIRED) for name in pool}
    return len(own - {name for name, value in job.items() if value})


def list_missing_of_task(job: Labels, pool: Labels) -> list[str]:
    """Return what a task asks for and a pool's agents do not carry."""
    offered = _offer(pool)
    return [
        f"{name}={value}"
        for name, value in sorted(_ask(job).items())
        if offered.get(name) not in {_ANY, value}
    ]


def list_demanded_of_task(job: Labels, pool: Labels) -> list[str]:
    """Return what a pool's agents demand of a task, and it does not say."""
    missing = {each.partition(":")[0] for each in list_missing_of_task(job, pool)}
    return [
        f"{name[1:]}={value}"
        for name, value in sorted(pool.items())
        if name.startswith(_REQUIRED)
        and job.get(name[1:]) != value
        and name[1:] not in missing
    ]


def check_labels(labels: Labels) -> str:
    """Return what is wrong with a pool's labels for Woodpecker, or ""."""
    for name in labels:
        plain = name.removeprefix(_REQUIRED)
        if plain == "hostname":
            return (
                "Each agent's label 'hostname' is its server's own name. Leave it out."
            )
        if plain.startswith(_INTERNAL) and plain == name:
            return (
                f"Woodpecker ignores labels such as {name[:80]!r} when it chooses an "
                "agent. Leave it out."
            )
    return ""


def _offer(pool: Labels) -> dict[str, str]:
    required = {
        name[1:]: value for name, value in pool.items() if name.startswith(_REQUIRED)
    }
    return {**DEFAULTS, **required, **pool}


def _ask(job: Labels) -> dict[str, str]:
    return {
        name: value
        for name, value in job.items()
        if value and not name.startswith(_INTERNAL)
    }
