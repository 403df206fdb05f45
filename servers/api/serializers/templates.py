"""Templates and their placements."""

from typing import Any, ClassVar, Final

from rest_framework import serializers

from servers.api.serializers.base import ModelShape, Shape
from servers.api.serializers.fields import Choice, Flag, Number, Seconds, Text
from servers.api.serializers.servers import AT, STATES, Labels
from servers.errors import InvalidError
from servers.models import Template, TemplatePlacement
from servers.models.template import PLACEMENT_FIELDS
from servers.operations.templates import MAX_PLACEMENTS, MAX_USER_DATA, NAME_PREFIX


class _Placements(serializers.ListSerializer[Any]):
    """The placements in a request."""

    def run_validation(self, data: Any = None) -> list[dict[str, Any]]:
        """Return each placement's fields; raise ValidationError for the first wrong."""
        if not isinstance(data, list):
            raise serializers.ValidationError("Send an array.")
        # One too many is enough to be refused.
        few = data[: MAX_PLACEMENTS + 1]
        return [self._read(number, entry) for number, entry in enumerate(few, start=1)]

    def _read(self, number: int, entry: Any) -> dict[str, Any]:
        try:
            if not isinstance(entry, dict):
                raise InvalidError("Send an object.")
            found: dict[str, Any] = self.child.run_validation(entry)  # type: ignore[union-attr]
            return found
        except InvalidError as error:
            raise serializers.ValidationError(
                f"Placement {number}: {error.message}"
            ) from None


class PlacementSerializer(ModelShape):
    """Where a server can be created, and as what."""

    account = Text(source="account.name", help_text="The name of an account.")

    may_be_empty = True
    body: ClassVar = {"account": "sandbox", "image": "debian-12", "size": "large"}

    class Meta:
        model = TemplatePlacement
        fields = PLACEMENT_FIELDS
        list_serializer_class = _Placements
        extra_kwargs: ClassVar = {
            "options": {
                "help_text": "Options for the cloud. They override the account's. See "
                "the options of a new account of the same kind; templates can't have "
                "all of them."
            },
            # No kind of cloud has spot instances yet.
            "spot": {
                "rules": {"const": False},
                "help_text": "Whether the cloud may take its instances back at any "
                "time.",
            },
        }


_PLACEMENT: Final = {
    "account": "sandbox",
    "image": "debian-12",
    "size": "large",
    "price_per_hour": "0.0425",
}


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

    example: ClassVar = {
        **_PLACEMENT,
        "name": "large",
        "version": 1,
        "placements": [_PLACEMENT, {**_PLACEMENT, "size": "medium"}],
        "capacity": 4,
        "has_user_data": True,
        "labels": {"team": "builds"},
        "readiness_port": 22,
        "ttl": 86400,
        "name_prefix": "agent-",
        "overrides": "listed",
        "max_servers": None,
    }
    body: ClassVar = {
        "name": "huge",
        "capacity": 4,
        "labels": {"team": "builds"},
        "placements": [
            _PLACEMENT,
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
            "capacity",
            "has_user_data",
            "user_data",
            "labels",
            "readiness",
            "readiness_port",
            "ttl",
            "name_prefix",
            "overrides",
            "max_servers",
            "is_default",
        )
        extra_kwargs: ClassVar = {
            "ttl": {"help_text": "In seconds; 0 means no limit."},
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


class TrialBegunSerializer(Shape):
    """The server of a trial run."""

    server = Text(source="name")

    example: ClassVar = {"server": "try-default-4f1c2d9a"}


class _StepSerializer(Shape):
    """A state that the server of a trial run entered."""

    state = Choice(choices=STATES)
    at = Seconds("When the server entered it.")
    seconds = Number(value=lambda step: round(step.seconds, 3))


class TrialSerializer(Shape):
    """A trial run of a template."""

    server = Text(source="server.name")
    state = Choice(source="server.state", choices=STATES)
    outcome = Choice(choices=["under way", "works", "failed"])
    boot_seconds = Number(allow_null=True)
    queued_seconds = Number(allow_null=True)
    gone = Flag(help_text="Whether nothing of the server is left at the cloud.")
    error = Text()
    steps = _StepSerializer(many=True)

    example: ClassVar = {
        "server": "try-default-4f1c2d9a",
        "state": "stopped",
        "outcome": "works",
        "boot_seconds": 31.4,
        "queued_seconds": 0.2,
        "gone": True,
        "steps": [
            {"state": "pending", "at": AT, "seconds": 0.0},
            {"state": "running", "at": AT + 31, "seconds": 31.4},
        ],
    }
