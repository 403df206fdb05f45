"""The fields for the variables of each agent, as the table of agents describes them.

A secret variable is write-only. Variables that the table does not know are typed as
lines, which are write-only as a whole.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from django import forms

from servers.dashboard.shared.lines import read_lines
from servers.machine.agents.checks import check_agent
from servers.machine.agents.kinds import Variable
from servers.machine.agents.table import AGENTS
from servers.queues.registry import list_lent

NO_AGENT: Final = "none"
MAX_VALUE: Final = 8000  # characters of one variable; all of them have another limit
_KEPT: Final = "Stored, never shown. Leave empty to keep it."


def name_field(agent: str, variable: Variable) -> str:
    """Return the name of the field of an agent's variable."""
    return f"agent-{agent}-{variable.name}"


def list_names() -> Iterator[str]:
    """Yield the names of the fields of all agents."""
    for key, agent in AGENTS.items():
        for variable in agent.variables:
            yield name_field(key, variable)


def make_fields(
    chosen: str, stored: Mapping[str, str]
) -> Iterator[tuple[str, forms.Field]]:
    """Yield the fields of all agents; ``stored`` is the environment of the chosen."""
    for key, agent in AGENTS.items():
        for variable in agent.variables:
            value = stored.get(variable.name, "") if key == chosen else ""
            yield name_field(key, variable), _make_field(variable, value)


def _make_field(variable: Variable, value: str) -> forms.CharField:
    attrs = {"autocomplete": "off", "spellcheck": "false", "autocapitalize": "off"}
    if variable.default:
        attrs["placeholder"] = variable.default
    widget: forms.Widget = forms.TextInput(attrs=attrs)
    if variable.secret:
        # What was typed comes back, what is stored never does.
        attrs["autocomplete"] = "new-password"
        widget = forms.PasswordInput(attrs=attrs, render_value=True)
    hides = bool(variable.secret and value)
    return forms.CharField(
        label=variable.label,
        # Which ones are required depends on the chosen agent.
        required=False,
        max_length=MAX_VALUE,
        help_text=_KEPT if hides else variable.help,
        initial="" if hides else value,
        widget=widget,
    )


def list_others(agent: str, stored: Mapping[str, str]) -> dict[str, str]:
    """Return the stored variables that have no field of their own."""
    known = {each.name for each in AGENTS[agent].variables} if agent in AGENTS else {}
    return {name: value for name, value in stored.items() if name not in known}


def read_environment_of(
    form: forms.Form, data: Mapping[str, Any], stored: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment as typed; add errors to the form.

    ``stored`` is what the chosen agent has, which fields that were left empty keep.
    """
    agent = data["agent"]
    if agent == NO_AGENT:
        return {}
    found = _read_known(form, data, stored) | _read_others(form, data, stored)
    if not form.errors:
        image = data.get("agent_image", "")
        lent = list_lent(agent, found)
        for name, texts in check_agent(agent, image, found, lent=lent).items():
            for text in texts:
                form.add_error(name, text)
    return found


def _read_known(
    form: forms.Form, data: Mapping[str, Any], stored: Mapping[str, str]
) -> dict[str, str]:
    found: dict[str, str] = {}
    missing: list[Variable] = []
    agent = data["agent"]
    for variable in AGENTS[agent].variables:
        name = name_field(agent, variable)
        kept = stored.get(variable.name, "") if variable.secret else ""
        if value := data.get(name) or kept:
            found[variable.name] = value
        elif variable.required and name not in form.errors:
            missing.append(variable)
    lent = list_lent(agent, found)
    for variable in missing:
        if variable.name not in lent:
            said = f"{variable.label} is missing. Enter it."
            form.add_error(name_field(agent, variable), said)
    return found


def _read_others(
    form: forms.Form, data: Mapping[str, Any], stored: Mapping[str, str]
) -> dict[str, str]:
    if typed := data.get("agent_environment", ""):
        try:
            return read_lines(typed)
        except forms.ValidationError as error:
            form.add_error("agent_environment", error)
    if data.get("forget_agent_environment"):
        return {}
    return list_others(data["agent"], stored)
