"""What runs on a template's instances: the part of its form that says so.

What can hold secrets is write-only: it is stored, never shown, and kept if its field is
left empty.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.forms import BoundField

from servers.dashboard.shared.lines import join_lines
from servers.dashboard.shared.minutes import to_seconds
from servers.dashboard.templates.agent_fields import (
    NO_AGENT,
    list_names,
    list_others,
    make_fields,
    name_field,
    read_environment_of,
)
from servers.dashboard.templates.files import (
    MAX_FILES,
    FileForm,
    make_rows,
    read_files,
    write_files,
)
from servers.dashboard.templates.machine_fields import (
    AGENT,
    ENDING,
    MACHINE_FIELDS,
    OWN,
    SETUP,
    WORDS,
    MachineFields,
)
from servers.machine.agents.checks import read_environment
from servers.machine.agents.table import AGENTS
from servers.models import Template
from servers.operations.user_data import DOCKER_FIELDS


@dataclass(frozen=True, slots=True)
class AgentPart:
    """The fields of one agent, which matter if it is chosen."""

    key: str
    is_chosen: bool
    fields: list[BoundField]


class MachineForm(MachineFields):
    """What is set up on an instance and what runs there, and what of it is stored."""

    file_rows: list[FileForm]
    file_errors: list[str]  # of the files as a whole

    @staticmethod
    def read_machine(shown: Template) -> dict[str, Any]:
        """Return what the fields show of a template, besides those of the model."""
        return {
            "drain_seconds": shown.drain_seconds // 60,
            "build_labels": join_lines(shown.build_labels),
        }

    def begin_machine(
        self,
        shown: Template,
        *,
        source: Template | None,
        rows: Mapping[str, Any] | None,
    ) -> None:
        """Say what is stored, and build the rows of the files."""
        self.file_errors = []
        self.agent_of_stored = shown.agent
        self.environment = read_environment(shown.agent_environment) or {}
        self.fields.update(make_fields(shown.agent, self.environment))
        self.stored_drain = shown.drain_seconds
        self.file_rows = make_rows(
            self.data if self.is_bound else rows,
            stored=read_files(shown.files),
            is_bound=self.is_bound,
        )
        for name, words in WORDS.items():
            forget = f"forget_{name}"
            if not self._holds(shown, name):
                del self.fields[forget]
            elif source is not None:
                self.fields[forget].label = f"Don't copy the {words}"
                self.fields[
                    name
                ].help_text = f"Stored in {source}. Leave empty to copy."
            else:
                help_text = "Stored, never shown. Leave empty to keep it."
                self.fields[name].help_text = help_text

    def _holds(self, shown: Template, name: str) -> bool:
        """Return whether a write-only field stands for something that is stored."""
        if name == "agent_environment":
            return bool(list_others(shown.agent, self.environment))
        return bool(getattr(shown, name))

    def list_setup(self) -> list[BoundField]:
        """Return the fields for what is set up."""
        return self.list_named(SETUP)

    def list_agent(self) -> list[BoundField]:
        """Return the fields of the agent."""
        return self.list_named(AGENT)

    def list_agents(self) -> list[AgentPart]:
        """Return the agents with variables, and their fields."""
        chosen = self["agent"].value()
        return [
            AgentPart(key, key == chosen, fields)
            for key, agent in AGENTS.items()
            if (fields := [self[name_field(key, each)] for each in agent.variables])
        ]

    def list_ending(self) -> list[BoundField]:
        """Return the fields for drain and health."""
        return self.list_named(ENDING)

    def list_docker(self) -> list[BoundField]:
        """Return the fields for Docker."""
        return self.list_named(DOCKER_FIELDS)

    def list_own(self) -> list[BoundField]:
        """Return the fields for keys, commands and user data."""
        return self.list_named(OWN)

    def has_docker(self) -> bool:
        """Return whether a setting of Docker has an error or differs from its usual."""
        return self._is_set(DOCKER_FIELDS)

    def has_own(self) -> bool:
        """Return whether something of one's own is stored, typed or wrong."""
        has_files = bool(self.file_rows) or bool(self.file_errors)
        return has_files or self._is_set(OWN)

    def may_add_file(self) -> bool:
        """Return whether the template can have another file."""
        return len(self.file_rows) < MAX_FILES

    def _is_set(self, names: tuple[str, ...]) -> bool:
        fields = self.list_named(names)
        # A number comes back as the text that was typed.
        return any(field.errors or str(field.value() or 0) != "0" for field in fields)

    def list_named(self, names: tuple[str, ...]) -> list[BoundField]:
        """Return those of the named fields that the form has."""
        return [self[name] for name in names if name in self.fields]

    def list_machine(self) -> list[str]:
        """Return the names of all fields of this part."""
        return [*MachineForm.base_fields, *MACHINE_FIELDS, *list_names()]

    def fill_secrets(self, template: Template) -> None:
        """Set what is write-only as typed; keep what is stored and was left alone."""
        data = self.cleaned_data
        template.files = write_files([each.to_file() for each in self.file_rows])
        environment = data["environment"]
        template.agent_environment = json.dumps(environment) if environment else ""
        for name in ("user_data", "commands"):
            if data.get(f"forget_{name}"):
                setattr(template, name, "")
            if data[name]:
                setattr(template, name, data[name])

    def list_entered(self) -> list[str]:
        """Return what a person has just entered, all of it, of what is write-only."""
        data = self.cleaned_data
        found = [name for name in ("user_data", "commands") if data[name]]
        if all(row.cleaned_data["content"] for row in self.file_rows):
            found.append("files")
        agent, environment = data["agent"], data["environment"]
        typed = [
            data.get(name_field(agent, each))
            for each in AGENTS[agent].variables
            if each.name in environment
        ]
        if list_others(agent, environment):
            typed.append(data["agent_environment"])
        if all(typed):
            found.append("agent_environment")
        return found

    def clean(self) -> dict[str, Any]:
        """Read the environment of the chosen agent and ignore that of others."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if agent := data.get("agent"):
            stored = self.environment if agent == self.agent_of_stored else {}
            if agent == NO_AGENT:
                data["agent_image"] = ""
            data["environment"] = read_environment_of(self, data, stored)
        return data

    def clean_drain_seconds(self) -> int:
        """Return the seconds."""
        minutes: int = self.cleaned_data["drain_seconds"]
        return to_seconds(minutes, stored=self.stored_drain)
