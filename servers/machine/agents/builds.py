"""Which containers are builds, and what to call them."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from servers.machine.agents.kinds import Builds
from servers.machine.agents.plan import SERVER_LABEL, AgentPlan
from servers.machine.docker.client import Container

# The states in which a container's process exists.
RUNNING: Final = frozenset({"running", "paused", "restarting"})
MAX_TITLE: Final = 80
MAX_BUILDS: Final = 100  # more are of no help, and who answers could invent any number
_UNSAFE: Final = re.compile(r"[^\x20-\x7e]+")


def find_builds(plan: AgentPlan, containers: Iterable[Container]) -> tuple[str, ...]:
    """Return the names of the builds that run in these containers, sorted."""
    rules = plan.agent.builds
    names = {
        name_build(rules, each)
        for each in containers
        if each.state in RUNNING and is_build(plan, each)
    }
    return tuple(sorted(names)[:MAX_BUILDS])


def is_build(plan: AgentPlan, container: Container) -> bool:
    """Tell whether a container is part of a build, whatever its state."""
    labels = container.labels
    if SERVER_LABEL in labels:
        return False
    rules = plan.agent.builds
    return (
        _has_labels(labels, plan.build_labels)
        or _has_labels(labels, rules.labels)
        or bool(rules.name and rules.name.match(container.name))
        or bool(rules.label and any(map(rules.label.match, labels)))
    )


def name_build(rules: Builds, container: Container) -> str:
    """Return what people call the build of a container, or the container's name.

    Whoever starts builds chooses labels and names, so what is strange in them goes.
    """
    parts = [container.labels.get(each, "") for each in rules.titles]
    title = " ".join(parts) if all(parts) and parts else container.name
    return _UNSAFE.sub("?", title)[:MAX_TITLE].strip() or container.id[:12]


def _has_labels(labels: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    return bool(wanted) and all(
        name in labels and value in ("", labels[name]) for name, value in wanted.items()
    )
