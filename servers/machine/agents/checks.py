"""Whether what a template says of its agent is possible."""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from servers.machine.agents.kinds import Agent
from servers.machine.agents.table import AGENTS

MAX_VARIABLES: Final = 100
MAX_ENVIRONMENT: Final = 32 * 1024  # bytes of names and values, in UTF-8
VARIABLE_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
# A reference as Docker takes it: [host[:port]/]path[:tag][@digest], lower-case paths.
IMAGE: Final = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::[0-9]{1,5})?/)?"
    r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
MAX_IMAGE: Final = 255
NOT_AN_OBJECT: Final = "Use a JSON object with string values."


def check_agent(
    agent: str, image: str, environment: object, *, lent: Collection[str] = ()
) -> dict[str, list[str]]:
    """Return what is wrong with a template's agent, by the template's field.

    ``environment`` is a mapping, or the text of a JSON object; "" is an empty one.
    Variables that the table does not know are passed on: agents have many. Those in
    ``lent`` may be left out: a CI gives them to each server.
    No message contains a value, because each could be a secret.
    """
    known = AGENTS.get(agent)
    if known is None:
        names = ", ".join(AGENTS)
        return {"agent": [f"There is no such agent. Use one of these: {names}."]}
    errors = {}
    if wrong := _check_image(agent, image):
        errors["agent_image"] = [wrong]
    if wrong := _check_environment(agent, known, environment, lent):
        errors["agent_environment"] = [wrong]
    return errors


def check_watch(
    agent: str, build_labels: object, *, readiness: str, watching: Sequence[str]
) -> dict[str, list[str]]:
    """Return what is wrong if nobody can ask a server for its agent and builds.

    ``watching`` are the kinds of readiness with which someone can.
    """
    if readiness in watching:
        return {}
    kinds = " or ".join(watching)
    errors = {}
    if agent != "none":
        errors["agent"] = (
            f"An agent is started and drained only with the readiness {kinds}. Choose "
            "that, or no agent."
        )
    if build_labels:
        errors["build_labels"] = (
            f"A drain sees builds only with the readiness {kinds}. Choose that, or "
            "remove the labels."
        )
    return {field: [message] for field, message in errors.items()}


def read_environment(environment: object) -> dict[str, str] | None:
    """Return a template's environment as a dictionary; None if it is none."""
    if isinstance(environment, str):
        try:
            environment = json.loads(environment or "{}")
        except (ValueError, RecursionError):
            return None
    if not isinstance(environment, Mapping):
        return None
    if all(isinstance(each, str) for pair in environment.items() for each in pair):
        return dict(environment)
    return None


def _check_image(agent: str, image: str) -> str:
    if not image:
        return "Name the image of your container." if agent == "own" else ""
    if agent == "none":
        return "Choose an agent, or leave the image empty."
    # Length first: the pattern is for what people write.
    if len(image) > MAX_IMAGE or not IMAGE.fullmatch(image):
        return (
            "Use the name of an image as docker pull takes it, such as "
            "registry.example.com/team/agent:1."
        )
    return ""


def list_missing(agent: str, values: Mapping[str, str]) -> list[str]:
    """Return the variables that an agent needs and that these values leave out."""
    return [
        each.name
        for each in AGENTS[agent].variables
        if each.required and not values.get(each.name, "").strip()
    ]


def _check_environment(
    key: str, agent: Agent, environment: object, lent: Collection[str]
) -> str:
    values = read_environment(environment)
    if values is None:
        return NOT_AN_OBJECT
    if len(values) > MAX_VARIABLES:
        return f"Use at most {MAX_VARIABLES} variables."
    size = sum(
        len(each.encode(errors="replace")) for pair in values.items() for each in pair
    )
    if size > MAX_ENVIRONMENT:
        return f"Use at most {MAX_ENVIRONMENT // 1024} KiB of names and values."
    for name, value in values.items():
        if wrong := _check_variable(agent, name, value):
            return wrong
    if missing := [name for name in list_missing(key, values) if name not in lent]:
        return f"{agent.label} needs {list_words(missing)}."
    if key == "none" and values:
        return "Choose an agent, or remove the variables."
    return ""


def _check_variable(agent: Agent, name: str, value: str) -> str:
    if not VARIABLE_NAME.fullmatch(name):
        return (
            f"{name[:80]!r} is not a valid variable name. Use letters, "
            "digits and _, and don't begin with a digit."
        )
    if name == agent.capacity:
        return f"ServerFleet sets {name} to the template's capacity. Remove it."
    if name == agent.name:
        return f"ServerFleet sets {name} to the server's name. Remove it."
    if name in agent.fixed:
        return f"ServerFleet sets {name} to {agent.fixed[name]!r}. Remove it."
    if "\0" in value or any("\ud800" <= each <= "\udfff" for each in value):
        return f"The value of {name} has a character that variables can't contain."
    if "\n" in value or "\r" in value:
        # Neither can docker's files of variables. A text is better off in a file.
        return f"The value of {name} has several lines. Use a single line, or a file."
    return ""


def list_words(words: Sequence[str]) -> str:
    """Return words as people list them."""
    if len(words) == 1:
        return words[0]
    return f"{', '.join(words[:-1])} and {words[-1]}"
