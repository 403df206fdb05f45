"""Which nodes of Jenkins may run which item of its queue.

Source: jenkinsci/jenkins, hudson/model/Node.java (canTake).
"""

from typing import Final

from servers.queues.base import Labels
from servers.queues.jenkins.expressions import parse_expression

# The one name of a pool's labels that is none, since labels have no values.
MODE: Final = "mode"
NORMAL: Final = "normal"
EXCLUSIVE: Final = "exclusive"


def match_item(job: Labels, pool: Labels) -> int | None:
    """Let a node run an item whose label expressions hold for its labels.

    An item without a label runs on any node, but not on one that is only for items that
    ask for its labels.
    """
    offered = _offer(pool)
    if not job and pool.get(MODE) == EXCLUSIVE:
        return None
    expressions = [parse_expression(text) for text in job]
    if not all(each.holds(offered) for each in expressions):
        return None
    named = {name for each in expressions for name in each.names}
    return len(offered - named)


def list_missing_of_item(job: Labels, pool: Labels) -> list[str]:
    """Return the label expressions that do not hold for a pool's labels."""
    offered = _offer(pool)
    if not job and pool.get(MODE) == EXCLUSIVE:
        return [f"{MODE}={NORMAL}"]
    return sorted(text for text in job if not parse_expression(text).holds(offered))


def check_labels(labels: Labels) -> str:
    """Return what is wrong with a pool's labels for Jenkins, or ""."""
    for name, value in labels.items():
        if name == MODE:
            if value not in {"", NORMAL, EXCLUSIVE}:
                return f"{MODE}: use {NORMAL} or {EXCLUSIVE}."
        elif value:
            return (
                f"Labels of Jenkins have no values. Leave that of {name[:40]!r} empty."
            )
    return ""


def _offer(pool: Labels) -> frozenset[str]:
    return frozenset(name for name in pool if name != MODE or not pool[MODE])
