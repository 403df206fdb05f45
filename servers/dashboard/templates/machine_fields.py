"""The fields of a template's form for what runs on its instances."""

from collections.abc import Mapping
from typing import Any, Final

from django import forms

from servers.dashboard.shared.json_field import ObjectField
from servers.dashboard.shared.lines import LinesField, ListField
from servers.dashboard.shared.minutes import MinutesField
from servers.machine.agents.table import list_agents
from servers.machine.cloud_init.kinds import list_cloud_inits
from servers.machine.cloud_init.options import (
    check_images,
    check_mirrors,
    check_registries,
    check_ssh_keys,
)
from servers.machine.cloud_init.variables import VARIABLES
from servers.models.multiline import Multiline
from servers.operations.templates import MAX_USER_DATA
from servers.operations.user_data import DOCKER_FIELDS

MAX_DRAIN_MINUTES: Final = 604_800 // 60
# By the part of the section where they stand.
SETUP: Final = ("cloud_init", "readiness", "readiness_port", "agent")
AGENT: Final = ("agent_image", "agent_environment", "forget_agent_environment")
ENDING: Final = ("drain_seconds", "on_health_lost", "build_labels")
OWN: Final = (
    "ssh_keys",
    "commands",
    "forget_commands",
    "user_data",
    "forget_user_data",
)
# The fields of the model that this part of the form sets.
MACHINE_FIELDS: Final = (
    "cloud_init",
    "readiness",
    "readiness_port",
    "agent",
    "agent_image",
    "drain_seconds",
    "on_health_lost",
    "build_labels",
    *DOCKER_FIELDS,
    "ssh_keys",
)
WORDS: Final[Mapping[str, str]] = {
    "user_data": "user data",
    "commands": "commands",
    "agent_environment": "other variables",
}


def _hide(rows: int, help_text: str, **options: Any) -> forms.CharField:
    """Return a field for text that is never shown again."""
    return forms.CharField(
        required=False,
        max_length=MAX_USER_DATA,
        strip=False,
        widget=Multiline(attrs={"rows": rows, "spellcheck": "false"}),
        help_text=f"{help_text} Never shown again.",
        **options,
    )


def _forget(name: str) -> forms.BooleanField:
    return forms.BooleanField(label=f"Delete the stored {WORDS[name]}", required=False)


class MachineFields(forms.Form):
    """The fields for what is set up on an instance and what runs there."""

    cloud_init = forms.ChoiceField(
        label="Set up",
        choices=list_cloud_inits,
        help_text="What ServerFleet installs at the first boot.",
    )
    agent = forms.ChoiceField(
        choices=list_agents,
        help_text="The program that takes builds from your CI and runs them here.",
    )
    agent_environment = _hide(
        3, "More environment, one NAME=value per line.", label="Other variables"
    )
    forget_agent_environment = _forget("agent_environment")
    drain_seconds = MinutesField(
        label="Drain timeout (minutes)",
        max_value=MAX_DRAIN_MINUTES,
        help_text="How long a termination waits for running builds.",
    )
    build_labels = LinesField(
        help_text="Labels of the containers that are builds, one name=value per line. "
        "A termination waits for them."
    )
    registry_mirrors = ListField(
        check=check_mirrors, help_text="Mirrors of Docker Hub, one URL per line."
    )
    insecure_registries = ListField(
        check=check_registries,
        help_text="Registries without valid TLS, one host or host:port per line.",
    )
    pull_images = ListField(
        check=check_images,
        help_text="One per line. The server is not ready before they are there.",
        label="Images to pull",
    )
    daemon_json = ObjectField(
        label="daemon.json", help_text="Other settings of the daemon, as JSON."
    )
    prune_hours = forms.IntegerField(
        label="Delete unused images after (hours)",
        min_value=0,
        max_value=8760,
        help_text="0 keeps them.",
    )
    ssh_keys = ListField(
        check=check_ssh_keys,
        help_text="One per line. They can log in, besides the key of the placement.",
        label="SSH public keys",
    )
    commands = _hide(
        3, "Shell commands, one per line. They run as root at the first boot."
    )
    forget_commands = _forget("commands")
    user_data = _hide(
        6,
        "Runs on the instance at first boot, merged with what ServerFleet sets up. It "
        f"can contain {', '.join(f'{{{{ {name} }}}}' for name in VARIABLES)}.",
    )
    forget_user_data = _forget("user_data")
