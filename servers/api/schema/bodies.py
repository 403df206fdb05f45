"""The exact shape of each request body, with the limits that the operations enforce."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from django.core.validators import BaseValidator, MaxValueValidator, MinValueValidator
from django.db.models import IntegerField

from servers.access.reach import MOST_NAME, MOST_TOKEN_NAME
from servers.access.tokens import SCOPES
from servers.api import details, fleet, leaks, servers, setup
from servers.api.schema.shapes import (
    MOST_INTEGER,
    NO_NUL,
    PRINTABLE,
    Shape,
    closed,
    flag,
    items,
    match,
    number,
    one_of,
    or_null,
    text,
)
from servers.api.shared.bodies import Kind
from servers.clouds.kind import MOST_SEVERAL, Field
from servers.clouds.kind import Kind as CloudKind
from servers.clouds.registry import MOST_TIMING, TIMINGS, list_kinds
from servers.machine.readiness import READINESS
from servers.models import Account, Template, TemplatePlacement
from servers.models.account import NAME, NAME_RULE
from servers.operations.fleet import MOST_NOTE, MOST_SERVERS
from servers.operations.labels import (
    LABEL_NAME,
    LABEL_VALUE,
    MOST_LABELS,
    RESERVED_LABELS,
)
from servers.operations.provision import (
    MOST_CAPACITY,
    MOST_COUNT,
    MOST_LETTERS,
    MOST_TTL,
)
from servers.operations.setup import MOST_PLACEMENTS, MOST_USER_DATA, NAME_PREFIX, PRICE

_NAME: Final = match(NAME.pattern, NAME_RULE)
_LEFT_OUT: Final = "If empty or omitted, the template's own is used."
_PORT: Final = (
    "6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}"
    "|[1-9][0-9]{0,3}"
)
_PATH: Final = "(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*"
_ENDPOINT: Final = rf"(?:https?://[A-Za-z0-9.-]+(?::(?:{_PORT}))?{_PATH}/?)?"
_WHOLE: Final = number(0, MOST_INTEGER)
_CAPACITY: Final = number(1, MOST_CAPACITY, "How many builds it runs at once.")
_TTL: Final = number(
    0, MOST_TTL, "Seconds until the server is terminated; 0 means no limit."
)
_NOTE: Final = text("The reason, for others.", pattern=NO_NUL, maxLength=MOST_NOTE)
# In upper and lower case: a JSON Schema pattern can't ignore case.
_RESERVED: Final = "".join(f"[{c}{c.upper()}]" for c in RESERVED_LABELS)
_LABELS: Final[Shape] = {
    "type": "object",
    "maxProperties": MOST_LABELS,
    "propertyNames": {
        "pattern": f"^(?!{_RESERVED})(?:{LABEL_NAME.pattern})$",
    },
    "additionalProperties": match(LABEL_VALUE.pattern),
}


def describe_body(
    kinds: Mapping[str, Kind],
    rules: Mapping[str, Shape],
    *,
    required: Iterable[str] = (),
    some: bool = False,
) -> Shape:
    """Return a body's shape. Raise KeyError if a field has no description."""
    properties = {name: rules[name] for name in kinds}
    more: dict[str, Any] = {"minProperties": 1} if some else {}
    return closed(properties, required=required, **more)


def _count(model: type[Account | Template], name: str) -> Shape:
    """Return a whole number within the limits of the model's field."""
    field = model._meta.get_field(name)
    assert isinstance(field, IntegerField)
    limits: dict[type[BaseValidator], int] = {
        type(each): each.limit_value
        for each in field.validators[::-1]  # the database's own come last
        if isinstance(each, BaseValidator)
    }
    return number(limits.get(MinValueValidator, 0), limits[MaxValueValidator])


def _column(
    model: type[Account | TemplatePlacement], name: str, *, blank: bool = True
) -> Shape:
    most = getattr(model._meta.get_field(name), "max_length")  # noqa: B009 - untyped
    least: dict[str, Any] = {} if blank else {"minLength": 1}
    return text(pattern=NO_NUL, maxLength=most, **least)


_SERVER: Final = {
    "template": text(
        "A template's name. If empty or omitted, the default template is used.",
        maxLength=MOST_NAME,
        pattern=NO_NUL,
    ),
    "name": match(
        f"(?:{NAME.pattern})?",
        f"{NAME_RULE} If empty or omitted, a name is generated. Not allowed with a "
        "`count` above 1.",
    ),
    **{
        name: text(_LEFT_OUT, format=PRINTABLE, maxLength=most)
        for name, most in MOST_LETTERS.items()
    },
    "capacity": _CAPACITY,
    "ttl": _TTL,
    "labels": _LABELS,
    "count": number(
        1,
        MOST_COUNT,
        "How many servers to create. Above 1, the response is an array.",
    ),
}
_CHANGE: Final = {
    "labels": {**_LABELS, "description": "Replaces all labels of the server."},
    "ttl": _TTL,
    "capacity": _CAPACITY,
    "protected": flag("Whether termination is refused."),
}
_PLACEMENT: Final = {
    "account": {**_NAME, "description": "The name of an account."},
    "region": _column(TemplatePlacement, "region"),
    "image": _column(TemplatePlacement, "image", blank=False),
    "size": _column(TemplatePlacement, "size", blank=False),
    "ssh_key": _column(TemplatePlacement, "ssh_key"),
    "options": {
        "type": "object",
        "description": "Options for the cloud. They override the account's. See the "
        "options of a new account of the same kind; templates can't have all of them.",
    },
    "spot": {"type": "boolean", "const": False},
    "price_per_hour": or_null(match(PRICE.pattern)),
}
_TEMPLATE: Final = {
    **_PLACEMENT,
    "name": _NAME,
    "user_data": text(
        f"Write-only. At most {MOST_USER_DATA // 1024} KiB in UTF-8.",
        pattern=NO_NUL,
        maxLength=MOST_USER_DATA,
        writeOnly=True,
    ),
    "readiness": one_of(READINESS),
    "name_prefix": match(NAME_PREFIX.pattern),
    "overrides": {
        **one_of(Template.Overrides.values),
        "description": "The images, regions and sizes that a request can choose "
        "instead of the template's: any, only those that the template or one of its "
        "fallbacks names, or none.",
    },
    "capacity": _CAPACITY,
    "readiness_port": number(1, 65535),
    "ttl": {**_WHOLE, "description": "In seconds; 0 means no limit."},
    "labels": _LABELS,
    "placements": items(
        describe_body(
            setup.PLACEMENT, _PLACEMENT, required=("account", "image", "size")
        ),
        minItems=1,
        maxItems=MOST_PLACEMENTS,
        description="Where servers are created, in the order tried. Instead of a list "
        "of one, its fields can stand beside the other fields of the template. In a "
        "change these fields change the first placement.",
    ),
    "is_default": flag("Whether it is used for requests that name no template."),
    "max_servers": or_null(_count(Template, "max_servers")),
}
_SHORT: Final = {
    name: kind for name, kind in setup.TEMPLATE_FIELDS.items() if name != "placements"
}
_LONG: Final = {
    name: kind
    for name, kind in setup.TEMPLATE_FIELDS.items()
    if name not in setup.PLACEMENT
}
_ACCOUNT: Final = {
    "name": _NAME,
    "kind": one_of(kind.name for kind in list_kinds()),
    "endpoint": match(
        _ENDPOINT,
        "A URL such as https://host:port or https://host/path. Empty: the cloud's own.",
        maxLength=500,
    ),
    "region": _column(Account, "region"),
    **{
        name: _count(Account, name)
        for name in ("max_servers", "creates_per_minute", "calls_at_once")
    },
    "credentials": {
        "type": "object",
        "additionalProperties": text(pattern=NO_NUL),
        "writeOnly": True,
        "description": "The same as for a new account of this kind.",
    },
    "options": {
        "type": "object",
        "description": "The same as for a new account of this kind.",
    },
    "enabled": flag(),
}
_FLEET: Final = {
    "paused": flag(
        "The pause flag, as `GET /varz` returns it. Requests are still accepted."
    ),
    "paused_note": _NOTE,
    "destroys_frozen": flag(
        "Stop destroying instances. Servers that are terminated meanwhile wait."
    ),
    "destroys_frozen_note": _NOTE,
    "max_servers": or_null(number(0, MOST_SERVERS)),
}
_TOKEN: Final = {
    "name": text(format=PRINTABLE, minLength=1, maxLength=MOST_TOKEN_NAME),
    "scopes": items(one_of(sorted(SCOPES)), minItems=1),
    "expires": number(
        0,
        fleet.MOST_TIME - 1,
        "Unix seconds in the future. If 0 or omitted, the token expires with the token "
        "that created it, or never.",
    ),
}
_PLACE: Final = {
    "account": text(pattern=NO_NUL),
    "region": text(pattern=NO_NUL),
}


def _describe_field(field: Field) -> Shape:
    if field.shape is not None:
        shape = dict(field.shape)
    elif field.number:
        shape = {
            "type": "integer" if field.whole else "number",
            "minimum": field.least,
            "maximum": field.most,
        }
    elif field.flag:
        shape = flag()
    elif field.choices is not None:
        shape = one_of(["", *field.choices])
    elif field.several:
        one = match(f" *(?:{field.pattern}) *")
        many = match(f"(?: *(?:{field.pattern}) *(?:, *(?:{field.pattern}) *)*)?")
        shape = {"anyOf": [many, items(one, maxItems=MOST_SEVERAL)]}
    elif field.pattern:
        shape = match(f"(?:{field.pattern})?")
    else:
        shape = text(pattern=NO_NUL, maxLength=5000)
        if field.required:
            shape["minLength"] = 1
    says = ". ".join(part for part in (field.label, field.help) if part)
    return {**shape, "description": says}


def _describe_fields(fields: Iterable[Field], **more: Shape) -> Shape:
    known = list(fields)
    return closed(
        {field.name: _describe_field(field) for field in known} | more,
        required=[field.name for field in known if field.required],
    )


def _describe_credentials(kind: CloudKind) -> Shape:
    """Return the shape, or one for each value of the first field if it has choices."""
    fields = kind.credentials
    if not fields or fields[0].choices is None:
        return _describe_fields(fields)
    chosen, usual = fields[0], next(iter(fields[0].choices))
    either = []
    for choice in fields[0].choices:
        own = [field for field in fields[1:] if field.only_with in {"", choice}]
        properties = {field.name: _describe_field(field) for field in own}
        properties[chosen.name] = one_of(
            [choice, ""] if choice == usual else [choice], chosen.label
        )
        required = [field.name for field in own if field.required]
        required += [] if choice == usual else [chosen.name]
        either.append(closed(properties, required=required))
    return {"type": "object", "anyOf": either}


_SECONDS: Final[Shape] = {"type": "number", "minimum": 0, "maximum": MOST_TIMING}
_TIMINGS: Final = closed(
    dict.fromkeys(sorted(TIMINGS), _SECONDS),
    required=(),
    says="In seconds. They must be consistent with each other.",
)


def _describe_account(kind: CloudKind) -> Shape:
    """Return the shape of a new account of one kind of cloud."""
    rules = dict(_ACCOUNT)
    rules["kind"] = {"type": "string", "const": kind.name}
    credentials = _describe_credentials(kind)
    rules["credentials"] = {**credentials, "writeOnly": True}
    rules["options"] = _describe_fields(kind.options, timings=_TIMINGS)
    if not kind.takes_endpoint:
        rules["endpoint"] = {"type": "string", "const": ""}
    required = ["name", "kind"]
    if kind.needs_region:
        rules["region"] = {**rules["region"], "minLength": 1}
        required.append("region")
    if any(field.required for field in kind.credentials):
        required.append("credentials")
    return describe_body(setup.ACCOUNT_FIELDS, rules, required=required)


SCHEMAS: Final[dict[str, Shape]] = {
    "ServerRequest": describe_body(servers.FIELDS, _SERVER),
    "ServerChange": describe_body(details.CHANGES, _CHANGE, some=True),
    "TemplateRequest": {
        "anyOf": [
            describe_body(_LONG, _TEMPLATE, required=("name", "placements")),
            describe_body(
                _SHORT, _TEMPLATE, required=("name", "account", "image", "size")
            ),
        ]
    },
    "TemplateChange": {
        "anyOf": [
            describe_body(fields, _TEMPLATE, some=True) for fields in (_LONG, _SHORT)
        ]
    },
    "AccountRequest": {"oneOf": [_describe_account(kind) for kind in list_kinds()]},
    "AccountChange": describe_body(setup.ACCOUNT_FIELDS, _ACCOUNT, some=True),
    "FleetChange": describe_body(fleet.FLEET_FIELDS, _FLEET, some=True),
    "TokenRequest": describe_body(
        fleet.TOKEN_FIELDS, _TOKEN, required=("name", "scopes")
    ),
    "Place": describe_body(leaks.PLACE, _PLACE, required=("account",)),
    "Adoption": describe_body(
        leaks.ADOPTION,
        {
            "template": text(
                "A template's name. Defaults to the default template.", pattern=NO_NUL
            )
        },
    ),
}
