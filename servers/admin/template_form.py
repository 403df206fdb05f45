"""The admin's form of a template. What can contain secrets is write-only."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django import forms
from django.db.models import JSONField

from servers.admin.base import add_errors
from servers.errors import FleetError
from servers.models import Template
from servers.models.multiline import Multiline
from servers.operations.secrets import SECRET_FIELDS
from servers.operations.templates import MAX_USER_DATA, TEMPLATE_FIELDS
from servers.operations.user_data import DOCKER_FIELDS

STALE: Final = (
    "Someone else saved a change while you were editing. Nothing was saved. Open the "
    "page again to see the template as it is now."
)
# What the admin can set of each write-only field: its label and what it is.
_SECRETS: Final[Mapping[str, tuple[str, str]]] = {
    "agent_environment": (
        "Agent environment",
        'A JSON object, such as {"DRONE_RPC_HOST": "…", "DRONE_RPC_SECRET": "…"}.',
    ),
    "files": (
        "Files",
        'A JSON array of {"path": "…", "content": "…", "mode": "0644"}.',
    ),
    "commands": ("Commands", "Shell commands, one per line. They run as root."),
    "user_data": ("User data", "Runs on the instance at first boot."),
}
_JSON: Final[Mapping[str, type]] = {"agent_environment": dict, "files": list}
_MACHINE: Final = (
    "cloud_init",
    "readiness",
    "readiness_port",
    "agent",
    "agent_image",
    "new_agent_environment",
    "drain_seconds",
    "on_health_lost",
    "build_labels",
)
_OWN: Final = (
    "ssh_keys",
    "new_files",
    "new_commands",
    "new_user_data",
    "delete_stored",
)
FIELDSETS: Final[Any] = (
    (
        None,
        {
            "fields": (
                *(
                    name
                    for name in TEMPLATE_FIELDS
                    if name not in {*SECRET_FIELDS, *DOCKER_FIELDS, *_MACHINE, *_OWN}
                ),
                "unchecked",
                "seen",
            )
        },
    ),
    ("What runs on a server", {"fields": _MACHINE}),
    ("Docker settings", {"fields": DOCKER_FIELDS}),
    ("Files, commands, SSH keys and user data", {"fields": _OWN}),
)


def _name_new(name: str) -> str:
    return f"new_{name}"


def _hide(name: str) -> forms.CharField:
    """Return the field to replace a write-only value."""
    label, what = _SECRETS[name]
    return forms.CharField(
        label=label,
        required=False,
        max_length=MAX_USER_DATA,
        strip=False,
        widget=Multiline(attrs={"rows": 6}),
        help_text=f"{what} Leave empty to keep what is stored, which is never shown.",
    )


class TemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    """A template. You can set and replace what is write-only, but never read it."""

    new_agent_environment = _hide("agent_environment")
    new_files = _hide("files")
    new_commands = _hide("commands")
    new_user_data = _hide("user_data")
    delete_stored = forms.MultipleChoiceField(
        label="Delete what is stored",
        required=False,
        choices=[(name, label) for name, (label, _) in _SECRETS.items()],
        widget=forms.CheckboxSelectMultiple,
    )
    unchecked = forms.BooleanField(
        label="Save without checking with the cloud",
        required=False,
        help_text="Otherwise the cloud is asked first whether it has the image and "
        "the sizes.",
    )
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)
    # What the operation or the cloud said before the save began.
    refusal: ClassVar[FleetError | None] = None

    class Meta:
        model = Template
        # Encrypted fields are write-only.
        fields = tuple(name for name in TEMPLATE_FIELDS if name not in SECRET_FIELDS)
        help_texts: ClassVar = {
            "ttl": "In seconds. 0 means no limit.",
            "drain_seconds": "In seconds. How long a termination waits for builds.",
            "registry_mirrors": 'A JSON array of URLs, such as ["https://…"].',
            "insecure_registries": 'A JSON array, such as ["registry.local:5000"].',
            "pull_images": "A JSON array. The server is not ready before they are "
            "pulled.",
            "daemon_json": "Other settings of the Docker daemon.",
            "ssh_keys": 'A JSON array, such as ["ssh-ed25519 …"].',
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen"].initial = self.instance.version

    def clean(self) -> dict[str, Any]:
        """Set what is write-only, and show what was said before the save began."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        if data.get("seen") != self.instance.version:
            # Each save writes the placements anew, so the rows in this form are gone.
            self.add_error(None, STALE)
        for field in Template._meta.get_fields():
            # An empty text is an empty object or array.
            if isinstance(field, JSONField) and data.get(field.name, 0) is None:
                data[field.name] = field.get_default()
        self._set_secrets(data)
        if self.refusal is not None and not self.errors:
            add_errors(self, self.refusal, name_field=_name_new)
        return data

    def list_entered(self) -> list[str]:
        """Return what a person has just entered of what is write-only."""
        return [name for name in _SECRETS if self.cleaned_data.get(_name_new(name))]

    def _set_secrets(self, data: dict[str, Any]) -> None:
        for name in _SECRETS:
            if name in data.get("delete_stored", ()):
                setattr(self.instance, name, "")
            if text := data.get(_name_new(name), ""):
                if wrong := _check_json(name, text):
                    self.add_error(_name_new(name), wrong)
                setattr(self.instance, name, text)


def _check_json(name: str, text: str) -> str:
    """Return what is wrong with the text of a field that is JSON, or ""."""
    kind = _JSON.get(name)
    if kind is None:
        return ""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if isinstance(found, kind):
        return ""
    return f"This is not a JSON {'array' if kind is list else 'object'}. Enter one."
