"""Whether the queue of a pool registers the agents of a template's servers.

It does if its kind can, the template has that agent, and the template does not say
itself what lets the agent in. Then the template may leave out what the CI gives.
"""

import json
from typing import Final

from servers.machine.agents.checks import list_missing, list_words
from servers.models import Queue
from servers.models.template import Recipe
from servers.queues.registrars import Registers
from servers.queues.registry import describe_queue_kind, is_registrable

LEFT_OUT: Final = "The template leaves out {words}, and "


def find_registers(recipe: Recipe, queue: Queue) -> Registers | None:
    """Return how a queue registers the agents of a template; None if it does not."""
    registers = describe_queue_kind(queue.kind).registers
    if registers is None or registers.agent != recipe.agent_kind:
        return None
    if registers.credential in _read_given(recipe):
        return None
    return None if registers.check_options(queue.options) else registers


def explain_unregistered(recipe: Recipe, queue: Queue | None) -> str:
    """Return what the agents of a template lack in a pool of this queue, or "".

    ``queue`` is None for servers without a pool.
    """
    missing = list_unregistered(recipe)
    if not missing:
        return ""
    said = LEFT_OUT.format(words=list_words(missing))
    advice = f"Enter {'it' if len(missing) == 1 else 'them'} in the template"
    if queue is None:
        return (
            f"{said}only the queue of a pool gives that to a server. {advice}, or let "
            "a pool create its servers."
        )
    registers = find_registers(recipe, queue)
    if registers is not None and registers.variables.issuperset(missing):
        return _explain_image(recipe, queue, registers.image)
    return f"{said}{_explain_queue(recipe, queue)} {advice}, or choose another queue."


def _explain_image(recipe: Recipe, queue: Queue, example: str) -> str:
    if not example or recipe.agent_image:
        return ""
    return (
        f"The image of this agent can't use what the queue {queue.name} gives it. Name "
        f"another one in the template, such as {example}."
    )


def list_unregistered(recipe: Recipe) -> list[str]:
    """Return what a template's agent needs and the template leaves out.

    Of agents that no CI registers, nothing is: see operations/templates.py.
    """
    if not is_registrable(recipe.agent_kind):
        return []
    return list_missing(recipe.agent_kind, _read_given(recipe))


def _explain_queue(recipe: Recipe, queue: Queue) -> str:
    kind = describe_queue_kind(queue.kind)
    registers = kind.registers
    if registers is not None and registers.agent == recipe.agent_kind:
        wrong = registers.check_options(queue.options)
        return f"the queue {queue.name} can't register its agents. {wrong}".rstrip()
    return f"a queue of {kind.label} does not register its agents."


def _read_given(recipe: Recipe) -> dict[str, str]:
    """Return the variables that a template has a value for."""
    values: dict[str, str] = json.loads(recipe.agent_environment or "{}")
    return {name: value for name, value in values.items() if value.strip()}
