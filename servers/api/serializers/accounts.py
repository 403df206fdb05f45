"""Accounts, described for each kind of cloud."""

from collections.abc import Iterable
from typing import Any, ClassVar, Final

from rest_framework import serializers

from servers.api.serializers.base import ModelShape, Shape
from servers.api.serializers.fields import NO_NUL, Choice, Flag, Seconds, Text, Texts
from servers.api.serializers.servers import AT
from servers.clouds.kind import Kind
from servers.clouds.registry import MAX_TIMING, TIMINGS, list_kinds
from servers.models import Account, Location
from servers.operations.visits import Check
from servers.outgoing.fields import MAX_SEVERAL, Field
from servers.reports.health import Health, summarise_health

_PORT: Final = (
    "6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}"
    "|[1-9][0-9]{0,3}"
)
_PATH: Final = "(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*"
_ENDPOINT: Final = rf"^(?:(?:https?://[A-Za-z0-9.-]+(?::(?:{_PORT}))?{_PATH}/?)?)$"
_OF_KIND: Final = "The same as for a new account of this kind."
_HEALTHS: Final = Location.Health.values


def _judge(account: Account) -> Health:
    return summarise_health(account.locations.all())


class _ByRegion(serializers.ListSerializer[Any]):
    """The locations of an account, in the order of their regions."""

    def to_representation(self, data: Any) -> list[dict[str, Any]]:
        """Return them sorted, without a query if they were loaded before."""
        return super().to_representation(sorted(data.all(), key=lambda row: row.region))


class LocationSerializer(Shape):
    """A location: one region of an account."""

    region = Text()
    health = Choice(choices=_HEALTHS)
    health_note = Text(source="error", help_text="The cloud's response.")
    health_since = Seconds("When its health last changed.")
    compared = Seconds(
        "When its last complete listing was taken.", source="compared_at"
    )

    example: ClassVar = {"health": "ok", "health_since": AT, "compared": AT}

    class Meta:
        list_serializer_class = _ByRegion


class AccountSerializer(ModelShape):
    """An account at a cloud. Credentials are never included."""

    kind = Choice(choices=[kind.name for kind in list_kinds()])
    identity = Text(
        read_only=True, help_text="The cloud's id for the account, once known."
    )
    credentials = Texts(write_only=True, required=False, help_text=_OF_KIND)
    health = Choice(
        value=lambda account: _judge(account).health,
        choices=_HEALTHS,
        read_only=True,
        help_text="The health of its worst location. The note names it.",
    )
    health_note = Text(value=lambda account: _judge(account).note, read_only=True)
    health_since = Seconds(
        "When its health last changed.",
        value=lambda account: _judge(account).since,
        read_only=True,
    )
    locations = LocationSerializer(many=True, read_only=True)

    example: ClassVar = {
        "name": "second",
        "kind": "sandbox",
        "options": {"boot": 5},
        "max_servers": 20,
        "creates_per_minute": 60,
        "calls_at_once": 8,
        "enabled": True,
        "health": "ok",
        "health_since": AT,
        "breaker": "closed",
    }
    body: ClassVar = {
        "name": "third",
        "kind": "sandbox",
        "credentials": {"token": "any"},
        "options": {"boot": 5},
        "max_servers": 20,
    }
    change: ClassVar = {"max_servers": 40}

    class Meta:
        model = Account
        fields = (
            "name",
            "kind",
            "endpoint",
            "region",
            "options",
            "credentials",
            "identity",
            "max_servers",
            "creates_per_minute",
            "calls_at_once",
            "enabled",
            "health",
            "health_note",
            "health_since",
            "locations",
            "breaker",
            "breaker_note",
        )
        extra_kwargs: ClassVar = {
            "endpoint": {
                "rules": {"pattern": _ENDPOINT},
                "help_text": "A URL such as https://host:port or https://host/path. "
                "Empty: the cloud's own.",
            },
            "options": {"help_text": _OF_KIND},
            "breaker": {"read_only": True},
            "breaker_note": {"read_only": True},
        }

    @classmethod
    def describe(cls, schema: dict[str, Any], *, partial: bool) -> dict[str, Any]:
        """Return a shape for each kind of cloud; a change doesn't name the kind."""
        if partial:
            return schema
        return {"oneOf": [_describe_kind(kind, schema) for kind in list_kinds()]}


def _describe_kind(kind: Kind, schema: dict[str, Any]) -> dict[str, Any]:
    """Return the shape of a new account of one kind of cloud."""
    properties = dict(schema["properties"])
    properties["kind"] = {"type": "string", "const": kind.name}
    credentials = _describe_credentials(kind)
    properties["credentials"] = {**credentials, "writeOnly": True}
    seconds = {"type": "number", "minimum": 0, "maximum": MAX_TIMING}
    timings = {
        **_close(dict.fromkeys(sorted(TIMINGS), seconds), []),
        "description": "In seconds. They must be consistent with each other.",
    }
    properties["options"] = _describe_fields(kind.account_options, timings=timings)
    if not kind.takes_endpoint:
        properties["endpoint"] = {"type": "string", "const": ""}
    required = ["name", "kind"]
    if kind.needs_endpoint:
        properties["endpoint"] = {**properties["endpoint"], "minLength": 1}
        required.append("endpoint")
    if kind.needs_region:
        properties["region"] = {**properties["region"], "minLength": 1}
        required.append("region")
    if any(field.required for field in kind.credentials):
        required.append("credentials")
    return {**schema, "properties": properties, "required": required}


def _describe_credentials(kind: Kind) -> dict[str, Any]:
    """Return the shape, or one for each value of the first field if it has choices."""
    fields = kind.credentials
    if not fields or fields[0].choices is None:
        return _describe_fields(fields)
    chosen, usual = fields[0], next(iter(fields[0].choices))
    either = []
    for choice in fields[0].choices:
        own = [field for field in fields[1:] if field.only_with in {"", choice}]
        properties = {field.name: _describe_field(field) for field in own}
        values = [choice, ""] if choice == usual else [choice]
        properties[chosen.name] = {
            "type": "string",
            "enum": values,
            "description": chosen.label,
        }
        required = [field.name for field in own if field.required]
        required += [] if choice == usual else [chosen.name]
        either.append(_close(properties, required))
    return {"type": "object", "anyOf": either}


def _describe_fields(fields: Iterable[Field], **more: Any) -> dict[str, Any]:
    known = list(fields)
    return _close(
        {field.name: _describe_field(field) for field in known} | more,
        [field.name for field in known if field.required],
    )


def _describe_field(field: Field) -> dict[str, Any]:
    says = ". ".join(part for part in (field.label, field.help) if part)
    return {**_describe_value(field), "description": says}


def _describe_value(field: Field) -> dict[str, Any]:
    if field.shape is not None:
        return dict(field.shape)
    if field.number:
        kind = "integer" if field.whole else "number"
        return {"type": kind, "minimum": field.least, "maximum": field.most}
    if field.flag:
        return {"type": "boolean"}
    if field.choices is not None:
        return {"type": "string", "enum": ["", *field.choices]}
    one = f" *(?:{field.pattern}) *"
    if field.several:
        many = {"type": "string", "pattern": f"^(?:{one}(?:,{one})*)?$"}
        each = {"type": "string", "pattern": f"^{one}$"}
        listed = {"type": "array", "items": each, "maxItems": MAX_SEVERAL}
        return {"anyOf": [many, listed]}
    if field.pattern:
        return {"type": "string", "pattern": f"^(?:{field.pattern})?$"}
    least = {"minLength": 1} if field.required else {}
    return {"type": "string", "pattern": NO_NUL, "maxLength": 5000, **least}


def _close(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        **({"required": required} if required else {}),
    }


class FindingOfTestSerializer(Shape):
    """What the test of one location found."""

    region = Text()
    check = Choice(
        choices=[*Check, ""], help_text="What was tested; empty for settings."
    )
    works = Flag()
    tested = Flag(help_text="Whether it was tested; `message` says why not.")
    message = Text()

    example: ClassVar = {
        "check": "list",
        "works": True,
        "tested": True,
        "message": "The listing works and shows 3 instances of this fleet.",
    }


class AccountTestSerializer(Shape):
    """The test of an account at its cloud."""

    works = Flag()
    findings = FindingOfTestSerializer(many=True)

    example: ClassVar = {"works": True}
