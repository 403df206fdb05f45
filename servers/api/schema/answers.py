"""The exact shape of each response body."""

from typing import Final

from servers.access.tokens import SCOPES
from servers.api.schema.proof import LEAKS
from servers.api.schema.shapes import (
    Shape,
    closed,
    flag,
    items,
    number,
    one_of,
    or_null,
    ref,
    seconds,
    text,
)
from servers.clouds.registry import list_kinds
from servers.lifecycle.states import Event, Outcome, State
from servers.machine.readiness import READINESS
from servers.models import Account, Location, Template
from servers.records.ledger import Kind

_STATE: Final = one_of(State)
_STATE_OR_NONE: Final = one_of([*State, ""])
_PEM: Final = {
    "contentEncoding": "base64",
    "contentMediaType": "application/x-pem-file",
}
_HIDDEN: Final = "Empty without the scope `secrets:read`."
_LABELS: Final[Shape] = {"type": "object", "additionalProperties": {"type": "string"}}
_FREE: Final[Shape] = {"type": "object", "additionalProperties": True}
_TEXT: Final = text()
_COUNT: Final = number(0)

SERVER: Final = closed(
    {
        "id": text("The cloud's id for the instance."),
        "provider": one_of(sorted({kind.provider for kind in list_kinds()})),
        "state": _STATE,
        "name": _TEXT,
        "image": _TEXT,
        "region": _TEXT,
        "size": _TEXT,
        "address": _TEXT,
        "capacity": number(1, None, "How many builds the server runs at once."),
        "secret": text(_HIDDEN),
        "error": text("Why it is in `error`, or why its termination takes so long."),
        "ca_key": text(_HIDDEN, **_PEM),
        "ca_cert": text(**_PEM),
        "tls_key": text(_HIDDEN, **_PEM),
        "tls_cert": text(**_PEM),
        "created": seconds("When it was requested."),
        "updated": seconds("When it last changed."),
        "started": seconds("When the cloud first reported the instance."),
        "stopped": seconds("When it was confirmed gone."),
    },
    says="All nineteen fields are always present, in this order.",
)

DETAILS: Final = closed(
    {
        "name": _TEXT,
        "state": _STATE,
        "account": _TEXT,
        "template": text("The name of its template."),
        "template_version": number(1),
        "candidate": number(0, None, "The fallback in use; 0 is the first placement."),
        "attempts": _COUNT,
        "labels": _LABELS,
        "ttl": number(0, None, "In seconds; 0 means no limit."),
        "protected": flag(),
        "capacity": number(1),
        "created_by": _TEXT,
        "waiting": text("What it is waiting for, or empty."),
        "state_since": seconds("When it entered this state."),
        "reached": {
            "type": "object",
            "propertyNames": {"enum": [str(state) for state in State]},
            "additionalProperties": number(0),
            "description": "When it last entered each state, in Unix seconds.",
        },
        "price_per_hour": text("A decimal number, or empty if unknown."),
    }
)

WHY: Final = closed(
    {
        "name": _TEXT,
        "state": _STATE,
        "why": text("What it is waiting for, as a sentence."),
        "since": seconds("When it entered this state."),
        "next": text("What happens next, as a sentence."),
        "next_at": seconds("When that happens."),
        "last_answer": text("The cloud's last response."),
    }
)

EVENT: Final = closed(
    {
        "id": number(1),
        "at": seconds("When it happened."),
        "server": _TEXT,
        "account": _TEXT,
        "kind": one_of([*Event, *Kind]),
        "from": _STATE_OR_NONE,
        "to": _STATE_OR_NONE,
        "reason": _TEXT,
        "actor": text("`user:…`, `token:…` or a worker."),
        "request_id": _TEXT,
    }
)

ATTEMPT: Final = closed(
    {
        "number": number(1),
        "account": _TEXT,
        "region": _TEXT,
        "size": _TEXT,
        "key": text("The tag that the attempt's instance carries."),
        "outcome": one_of(Outcome),
        "answer": text("The cloud's response."),
        "instance": _TEXT,
        "asked": seconds("When the attempt was recorded."),
        "answered": seconds("When the cloud answered."),
        "closed": seconds("When the attempt was closed for good."),
    }
)

_PLACEMENT: Final[dict[str, Shape]] = {
    **dict.fromkeys(("account", "region", "image", "size", "ssh_key"), _TEXT),
    "options": _FREE,
    "spot": flag("Whether the cloud may take its instances back at any time."),
    "price_per_hour": or_null(_TEXT),
}
TEMPLATE: Final = closed(
    {
        "name": _TEXT,
        "version": number(1),
        **_PLACEMENT,
        "placements": items(
            closed(_PLACEMENT), description="In the order tried. The first is above."
        ),
        "capacity": number(1),
        "has_user_data": flag("Whether it has user data, which is never shown."),
        "labels": _LABELS,
        "readiness": one_of(READINESS),
        "readiness_port": number(1, 65535),
        "ttl": number(0),
        "name_prefix": _TEXT,
        "overrides": one_of(Template.Overrides.values),
        "max_servers": or_null(_COUNT),
        "is_default": flag(),
    }
)

_LOCATION: Final = closed(
    {
        "region": _TEXT,
        "health": one_of(Location.Health.values),
        "health_note": text("The cloud's response."),
        "health_since": seconds("When its health last changed."),
        "compared": seconds("When its last complete listing was taken."),
    }
)
ACCOUNT: Final = closed(
    {
        "name": _TEXT,
        "kind": one_of(kind.name for kind in list_kinds()),
        "endpoint": _TEXT,
        "region": _TEXT,
        "options": _FREE,
        "identity": text("The cloud's id for the account, once known."),
        "max_servers": _COUNT,
        "creates_per_minute": _COUNT,
        "calls_at_once": _COUNT,
        "enabled": flag(),
        "health": one_of(
            Location.Health.values,
            "The health of its worst location. The note names it.",
        ),
        "health_note": _TEXT,
        "health_since": seconds("When its health last changed."),
        "locations": items(_LOCATION),
        "breaker": one_of(Account.Breaker.values),
        "breaker_note": _TEXT,
    },
    says="Credentials are never included.",
)

ACCOUNT_TEST: Final = closed(
    {
        "works": flag(),
        "findings": items(
            closed(
                {
                    "region": _TEXT,
                    "works": flag(),
                    "tested": flag("Whether it was tested; `message` says why not."),
                    "message": _TEXT,
                }
            ),
            minItems=1,
        ),
    }
)

_TRIAL_STEP: Final = closed(
    {
        "state": one_of(list(State)),
        "at": seconds("When the server entered it."),
        "seconds": {"type": "number", "minimum": 0},
    }
)
TRIAL_BEGUN: Final = closed({"server": _TEXT})
TRIAL: Final = closed(
    {
        "server": _TEXT,
        "state": one_of(list(State)),
        "outcome": one_of(["under way", "works", "failed"]),
        "boot_seconds": or_null({"type": "number", "minimum": 0}),
        "queued_seconds": or_null({"type": "number", "minimum": 0}),
        "gone": flag("Whether nothing of the server is left at the cloud."),
        "error": _TEXT,
        "steps": items(_TRIAL_STEP),
    }
)

FLEET: Final = closed(
    {
        "fleet": text("The fleet's id, which is in the tag of each instance."),
        "confirmed": flag("Whether this database is known to be the fleet's own."),
        "paused": flag(),
        "paused_by": _TEXT,
        "paused_note": _TEXT,
        "destroys_frozen": flag(),
        "destroys_frozen_note": _TEXT,
        "max_servers": or_null(_COUNT),
    }
)

_TOKEN_FIELDS: Final = {
    "name": _TEXT,
    "id": _TEXT,
    "scopes": items(one_of(sorted(SCOPES))),
    "last_used": seconds("When it was last used, to the minute."),
    "expires": seconds("When it expires."),
    "revoked": seconds("When it was revoked."),
    "maker": text("The person who created it. Empty for the installation's own."),
    "parent": text("The token that created it, or empty."),
}
TOKEN: Final = closed(_TOKEN_FIELDS)
NEW_TOKEN: Final = closed(
    {**_TOKEN_FIELDS, "token": text("The token itself. It is shown only once.")}
)

ME: Final = closed(
    {
        "name": _TEXT,
        "scopes": items(one_of(sorted(SCOPES))),
        "expires": seconds("When the token expires."),
    }
)

CONDEMNED: Final = closed({"condemned": _COUNT})

ERROR: Final = closed(
    {
        "message": text("What happened, and what to do about it.", minLength=1),
        "errors": {
            "type": "object",
            "additionalProperties": items(_TEXT, minItems=1),
            "description": "What is wrong with each field or parameter.",
        },
    },
    required=["message"],
)

SCHEMAS: Final[dict[str, Shape]] = {
    "Server": SERVER,
    "ServerOrServers": {"anyOf": [ref("Server"), items(ref("Server"), minItems=2)]},
    "Details": DETAILS,
    "Why": WHY,
    "Event": EVENT,
    "Attempt": ATTEMPT,
    "Template": TEMPLATE,
    "Account": ACCOUNT,
    "AccountTest": ACCOUNT_TEST,
    "TrialBegun": TRIAL_BEGUN,
    "Trial": TRIAL,
    "Fleet": FLEET,
    "Token": TOKEN,
    "NewToken": NEW_TOKEN,
    "Me": ME,
    "Leaks": LEAKS,
    "Condemned": CONDEMNED,
    "Health": closed({"status": {"type": "string", "const": "ok"}}),
    "Varz": closed({"paused": flag()}),
    "Version": closed(dict.fromkeys(("source", "version", "commit"), _TEXT)),
    "OpenAPI": {"type": "object", "required": ["openapi", "info", "paths"]},
    "Error": ERROR,
}
