"""Templates and their placements."""

import json
from typing import Any, ClassVar

from rest_framework import serializers

from servers.api.serializers.base import ModelShape, Shape
from servers.api.serializers.fields import (
    Array,
    Flag,
    Text,
    Texts,
)
from servers.api.serializers.placements import PLACEMENT, PlacementSerializer
from servers.api.serializers.servers import Labels
from servers.machine.agents.checks import MAX_VARIABLES, VARIABLE_NAME
from servers.machine.cloud_init.options import MAX_COMMANDS, MAX_ENTRIES, MODE
from servers.models import Template
from servers.models.placement import PLACEMENT_FIELDS
from servers.operations.templates import MAX_PLACEMENTS, MAX_USER_DATA, NAME_PREFIX
from servers.reports.catalogue import list_warnings


class _FileSerializer(Shape):
    """A file of root's on the instance."""

    path = Text(help_text="An absolute path.")
    content = Text(allow_blank=True)
    mode = Text(
        required=False,
        rules={"pattern": f"^(?:{MODE.pattern})$"},
        help_text="Permissions in octal; 0644 if left out.",
    )

    body: ClassVar = {"path": "/etc/example.conf", "content": "a = 1\n", "mode": "0600"}


class _FileList(Array):
    """Files, stored as the text of a JSON array."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=_FileSerializer(), max_length=MAX_ENTRIES, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return the array as text; the operation checks what is in it."""
        return write_json(data)


class _Environment(Texts):
    """Variables, stored as the text of a JSON object."""

    def __init__(self, **kwargs: Any) -> None:
        rules = {
            "maxProperties": MAX_VARIABLES,
            "propertyNames": {"pattern": f"^(?:{VARIABLE_NAME.pattern})$"},
            "additionalProperties": {
                "type": "string",
                "pattern": "^[^\\u0000\\r\\n]*$",
            },
        }
        super().__init__(rules=rules, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        """Return the object as text."""
        return write_json(data)


def write_json(data: Any) -> str:
    """Return a value as a template stores it; "" for an empty one."""
    return json.dumps(data, ensure_ascii=False) if data else ""


def _list_of(says: str) -> Array:
    return Array(child=Text(), required=False, max_length=MAX_ENTRIES, help_text=says)


def _tell(name: str) -> Flag:
    return Flag(
        value=lambda template: bool(getattr(template, name)),
        read_only=True,
        help_text=f"Whether it has {name.replace('_', ' ')}, which is never shown.",
    )


class TemplateSerializer(ModelShape):
    """How servers are created. Each change creates a new version."""

    placements = PlacementSerializer(
        many=True,
        required=False,
        min_length=1,  # type: ignore[call-arg]
        max_length=MAX_PLACEMENTS,
        help_text="Where servers are created, in the order tried. The fields of the "
        "first one can also stand beside the other fields of the template. In a change "
        "they change the first placement.",
    )
    warnings = Array(
        value=list_warnings,
        read_only=True,
        child=Text(),
        help_text="What its clouds no longer have of its images and sizes, a sentence "
        "each. Nothing is changed automatically.",
    )
    has_user_data = Flag(
        value=lambda template: bool(template.user_data),
        read_only=True,
        help_text="Whether it has user data, which is never shown.",
    )
    user_data = Text(
        write_only=True,
        required=False,
        allow_blank=True,
        max_length=MAX_USER_DATA,
        help_text=f"At most {MAX_USER_DATA // 1024} KiB in UTF-8.",
    )
    labels = Labels()
    registry_mirrors = _list_of("Mirrors of Docker Hub: URLs without a path.")
    insecure_registries = _list_of(
        "Registries without valid TLS: host, host:port or a network."
    )
    pull_images = _list_of("Images that a server has before it is ready.")
    ssh_keys = _list_of(
        "SSH public keys that can log in, besides the key of the placement."
    )
    build_labels = Texts(
        required=False,
        help_text="Labels of the containers that are builds. A drain waits for them.",
    )
    has_files = _tell("files")
    files = _FileList(
        write_only=True,
        required=False,
        help_text="Files to write. They replace those that the template has.",
    )
    has_commands = _tell("commands")
    commands = Text(
        write_only=True,
        required=False,
        allow_blank=True,
        max_length=MAX_COMMANDS,
        help_text="Shell commands. They run as root at the first boot, after all that "
        "ServerFleet sets up. The first one that fails ends the boot.",
    )
    has_agent_environment = _tell("agent_environment")
    agent_environment = _Environment(
        write_only=True,
        required=False,
        help_text="Environment variables of the agent.",
    )

    example: ClassVar = {
        **PLACEMENT,
        "name": "large",
        "version": 1,
        "placements": [PLACEMENT, {**PLACEMENT, "size": "medium"}],
        "warnings": [],
        "capacity": 4,
        "has_user_data": True,
        "labels": {"team": "builds"},
        "readiness_port": 22,
        "ttl": 86400,
        "name_prefix": "agent-",
        "order": "listed",
        "overrides": "listed",
        "max_servers": None,
        "cloud_init": "docker",
        "registry_mirrors": ["https://mirror.example.com"],
        "pull_images": ["docker:28-dind"],
        "prune_hours": 72,
        "has_agent_environment": True,
        "agent": "drone",
        "drain_seconds": 3600,
        "on_health_lost": "error",
    }
    body: ClassVar = {
        "name": "huge",
        "capacity": 4,
        "labels": {"team": "builds"},
        "placements": [
            PLACEMENT,
            {"account": "sandbox", "image": "debian-12", "size": "medium"},
        ],
    }
    change: ClassVar = {"size": "medium", "max_servers": 50}

    class Meta:
        model = Template
        fields = (
            "name",
            "version",
            "placements",
            "warnings",
            "capacity",
            "has_user_data",
            "user_data",
            "labels",
            "readiness",
            "readiness_port",
            "ttl",
            "name_prefix",
            "order",
            "overrides",
            "max_servers",
            "is_default",
            "cloud_init",
            "registry_mirrors",
            "insecure_registries",
            "daemon_json",
            "local_disk",
            "pull_images",
            "prune_hours",
            "ssh_keys",
            "has_files",
            "files",
            "has_commands",
            "commands",
            "agent",
            "agent_image",
            "has_agent_environment",
            "agent_environment",
            "build_labels",
            "drain_seconds",
            "on_health_lost",
        )
        extra_kwargs: ClassVar = {
            "ttl": {"help_text": "In seconds; 0 means no limit."},
            "daemon_json": {
                "help_text": "Settings of the Docker daemon, besides those that "
                "ServerFleet sets."
            },
            "drain_seconds": {
                "help_text": "How long a termination waits for running builds."
            },
            "name_prefix": {"rules": {"pattern": f"^(?:{NAME_PREFIX.pattern})$"}},
        }

    def get_fields(self) -> dict[str, serializers.Field[Any, Any, Any, Any]]:
        """Return the fields, with those of the first placement after the version."""
        own = super().get_fields()
        first = PlacementSerializer().get_fields()
        found = {name: own.pop(name) for name in ("name", "version")}
        for name in PLACEMENT_FIELDS:
            found[name] = first[name]
            source = first[name].source or name
            first[name].source = f"first_placement.{source}"
            first[name].required = False
        return found | own

    @classmethod
    def describe(cls, schema: dict[str, Any], *, partial: bool) -> dict[str, Any]:
        """Return a shape for a list of placements, and one for the fields of one."""
        properties = schema["properties"]
        forms = []
        for names in (PLACEMENT_FIELDS, ("placements",)):
            left = {name: properties[name] for name in properties if name not in names}
            form = {**schema, "properties": left}
            if not partial:
                place = [name for name in ("account", "image", "size") if name in left]
                form["required"] = ["name", *(place or ["placements"])]
            forms.append(form)
        return {"anyOf": forms}
