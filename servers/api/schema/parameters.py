"""The other parts of a request and a response: path, query and headers."""

from functools import partial
from typing import Any, Final, Literal

from drf_spectacular.utils import OpenApiExample, OpenApiParameter

from servers.api.serializers.fields import PRINTABLE
from servers.api.server_list.listing import MAX_LIMIT, MAX_OFFSET, MAX_TEXT, ORDERINGS
from servers.api.shared.parameters import FALSE, MAX_AFTER, MAX_EVENTS, TRUE
from servers.lifecycle.states import State
from servers.operations.idempotency import KEY
from servers.operations.labels import LABEL_NAME, LABEL_VALUE, MAX_LABEL_FILTER
from servers.pools.curve import MAX_DAYS, VARIED
from servers.reports.feed import MAX_WAIT

_STATES: Final = "|".join(State)
_TEXT: Final = {"type": "string"}
_FILTER: Final = {
    "type": "string",
    "format": PRINTABLE,
    "minLength": 1,
    "maxLength": MAX_TEXT,
}


def _match(pattern: str, **rules: Any) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^(?:{pattern})$", **rules}


def _number(least: int, most: int) -> dict[str, Any]:
    return {"type": "integer", "minimum": least, "maximum": most}


def _query(
    name: str,
    shape: dict[str, Any],
    example: Any,
    says: str,
    place: Literal["query", "header"] = "query",
) -> OpenApiParameter:
    examples = [OpenApiExample("Example", value=example)]
    return OpenApiParameter(name, shape, place, description=says, examples=examples)


DRAIN: Final = _query(
    "drain",
    _match("true|false"),
    "true",
    "Whether the pool's servers are drained and terminated.",
)
REPLAY: Final = (
    _query(
        "vary",
        _match("|".join(VARIED)),
        "idle",
        "The setting of the policy to try other values of. Default: idle.",
    ),
    _query(
        "days",
        _number(1, MAX_DAYS),
        7,
        "How many days of the record to replay. Default: 7.",
    ),
)
_sent: Final = partial(_query, place="header")


def _returned(name: str, shape: dict[str, Any], says: str) -> OpenApiParameter:
    return OpenApiParameter(
        name, shape, OpenApiParameter.HEADER, response=[200], description=says
    )


ACCOUNT: Final = _query("account", _FILTER, "sandbox", "The account's name.")
FILTERS: Final = (
    _query(
        "state",
        _match(f"(?:{_STATES})(?:,(?:{_STATES}))*", maxLength=MAX_TEXT),
        "running,staging",
        "One state, or several separated by commas.",
    ),
    _query("provider", _FILTER, "sandbox", "The cloud's kind."),
    ACCOUNT,
    _query("region", _FILTER, "eu-central-1", "The cloud's region."),
    _query("size", _FILTER, "small", "The size."),
    _query("template", _FILTER, "default", "The template's name."),
    _query("pool", _FILTER, "linux", "The pool's name."),
    _query(
        "label",
        _match(
            f"(?:{LABEL_NAME.pattern})(?:[:=](?:{LABEL_VALUE.pattern}))?",
            maxLength=MAX_LABEL_FILTER,
        ),
        "team:builds",
        "A label as `name:value`, or only its `name` for any value.",
    ),
    _query("search", _FILTER, "agent", "Part of the name, address or instance id."),
    _query(
        "cordoned",
        {"enum": sorted(TRUE) + sorted(FALSE - {""})},
        "true",
        "Only servers that are cordoned, or only those that are not.",
    ),
    _query(
        "created_after",
        {
            "anyOf": [
                _match("[0-9]{1,10}"),
                {"type": "string", "format": "date-time", "maxLength": 64},
            ]
        },
        "1767225600",
        "Only servers created after this time, in Unix seconds or ISO 8601.",
    ),
    _query(
        "ordering",
        {
            "type": "string",
            "enum": [sign + name for name in ORDERINGS for sign in ("", "-")],
        },
        "-created",
        "The field to sort by. Put `-` in front of it to reverse the order.",
    ),
    _query(
        "limit",
        _number(1, MAX_LIMIT),
        100,
        "The maximum number of servers. `Link` points to the other pages.",
    ),
    _query("offset", _number(0, MAX_OFFSET), 0, "How many servers to skip."),
)
FORCE: Final = _query(
    "force",
    {"enum": sorted(TRUE) + sorted(FALSE)},
    "true",
    "Do not wait for running builds. A server in `error` is removed from the list at "
    "once, although it still has an instance, which is destroyed in the background.",
)
UNCHECKED: Final = _query(
    "unchecked",
    {"type": "string", "enum": ["false", "true"]},
    "true",
    "Save the template without asking the cloud about its image, size and options.",
)
MAX_OFFERS: Final = 500
REGION: Final = _query(
    "region", _TEXT, "eu-central-1", "Defaults to the account's region."
)
CATALOGUE: Final = (
    REGION,
    _query("search", _TEXT, "debian amd64", "Only what contains all of these words."),
    _query("limit", _number(1, MAX_OFFERS), 50, "The maximum length of each list."),
)
LEAKS_ACCOUNT: Final = _query(
    "account", _TEXT, "sandbox", "Only this account. Defaults to all accounts."
)
LINK: Final = _returned("Link", _TEXT, "Links to the other pages, if any (RFC 8288).")
FEED: Final = (
    _query(
        "after", _number(0, MAX_AFTER), 0, "The id of the last event that you have."
    ),
    _query("limit", _number(1, MAX_EVENTS), 100, "The maximum number of events."),
    _query("wait", _number(0, MAX_WAIT), 0, "How many seconds to wait for an event."),
    LINK,
)
CACHED: Final = (
    _sent(
        "If-None-Match",
        _TEXT,
        '"1"',
        "The `ETag` of an earlier response. If nothing has changed, you get a 304.",
    ),
    _returned("ETag", _TEXT, "The version of the response."),
)
LIST: Final = (
    *FILTERS,
    *CACHED,
    LINK,
    _returned(
        "X-Total-Count",
        {"type": "integer", "minimum": 0},
        "The total number on all pages.",
    ),
)
ONCE: Final = (
    _sent(
        "Idempotency-Key",
        _match(KEY.pattern),
        "build-4711",
        "Repeating a key with the same body within 24 hours returns the same servers.",
    ),
    _returned("Idempotent-Replayed", _TEXT, "`true` if the key was used before."),
)
REQUEST_ID: Final = {
    "name": "X-Request-ID",
    "in": "header",
    "description": "1 to 128 letters, digits and `.` `_` `-`. It is echoed, logged and "
    "kept with each event. Any other value is replaced.",
    "schema": _TEXT,
    "example": "build-4711",
}

_NAMES: Final = {
    "servers": "agent-7h2k9qxm",
    "templates": "large",
    "accounts": "second",
    "tokens": "ci",
    "queues": "drone",
    "pools": "linux",
}


def parts_of(path: str) -> list[dict[str, Any]]:
    """Return the path parameters."""
    if "{pk}" in path:
        key = {"type": "integer", "minimum": 0}
        return [_in_path("pk", key, 7, "The `key` from `/api/leaks`.")]
    if "{name}" in path:
        kind = path.split("/")[2]
        name = {"type": "string", "minLength": 1}
        says = f"The name, as in `/api/{kind}`."
        return [_in_path("name", name, _NAMES[kind], says)]
    return []


def _in_path(
    name: str, shape: dict[str, Any], example: Any, says: str
) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": says,
        "schema": shape,
        "example": example,
    }
