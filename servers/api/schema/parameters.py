"""The other parts of a request: path, query and headers."""

from typing import Any, Final

from servers.api.details import MOST_AFTER, MOST_EVENTS
from servers.api.schema.shapes import PRINTABLE, Shape, match, number, one_of, ref, text
from servers.api.serverlist.listing import MOST_LIMIT, MOST_OFFSET, MOST_TEXT, ORDERINGS
from servers.api.servers import FALSE, TRUE
from servers.lifecycle.states import State
from servers.operations.labels import LABEL_NAME, LABEL_VALUE, MOST_LABEL_FILTER
from servers.operations.once import KEY
from servers.reports.feed import MOST_WAIT

Parameter = dict[str, Any]

_STATES: Final = "|".join(State)
_FILTER: Final = text(format=PRINTABLE, minLength=1, maxLength=MOST_TEXT)


def in_path(
    name: str, says: str, example: Any, shape: Shape | None = None
) -> Parameter:
    """Return a path parameter."""
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": says,
        "schema": shape or text(minLength=1),
        "example": example,
    }


def _in_query(name: str, shape: Shape, says: str, example: Any) -> Parameter:
    return {
        "name": name,
        "in": "query",
        "description": says,
        "schema": shape,
        "example": example,
    }


def _in_header(name: str, shape: Shape, says: str, example: str) -> Parameter:
    return {
        "name": name,
        "in": "header",
        "description": says,
        "schema": shape,
        "example": example,
    }


PARAMETERS: Final[dict[str, Parameter]] = {
    "state": _in_query(
        "state",
        match(f"(?:{_STATES})(?:,(?:{_STATES}))*", maxLength=MOST_TEXT),
        "One state, or several separated by commas.",
        "running,staging",
    ),
    "provider": _in_query("provider", _FILTER, "The cloud's kind.", "sandbox"),
    "account": _in_query("account", _FILTER, "The account's name.", "sandbox"),
    "region": _in_query("region", _FILTER, "The cloud's region.", "eu-central-1"),
    "size": _in_query("size", _FILTER, "The size.", "small"),
    "template": _in_query("template", _FILTER, "The template's name.", "default"),
    "label": _in_query(
        "label",
        match(
            f"(?:{LABEL_NAME.pattern})(?:[:=](?:{LABEL_VALUE.pattern}))?",
            maxLength=MOST_LABEL_FILTER,
        ),
        "A label as `name:value`, or only its `name` for any value.",
        "team:builds",
    ),
    "search": _in_query(
        "search", _FILTER, "Part of the name, address or instance id.", "agent"
    ),
    "created_after": _in_query(
        "created_after",
        {"anyOf": [match("[0-9]{1,10}"), text(format="date-time", maxLength=64)]},
        "Only servers created after this time, in Unix seconds or ISO 8601.",
        "1767225600",
    ),
    "ordering": _in_query(
        "ordering",
        one_of([sign + name for name in ORDERINGS for sign in ("", "-")]),
        "The field to sort by. Put `-` in front of it to reverse the order.",
        "-created",
    ),
    "limit": _in_query(
        "limit",
        number(1, MOST_LIMIT),
        "The maximum number of servers. `Link` points to the other pages.",
        100,
    ),
    "offset": _in_query(
        "offset", number(0, MOST_OFFSET), "How many servers to skip.", 0
    ),
    "force": _in_query(
        "force",
        {"enum": sorted(TRUE) + sorted(FALSE)},
        "Remove a server in `error` from the list at once, although it still has an "
        "instance. The instance is destroyed in the background. No effect on servers "
        "in other states.",
        "true",
    ),
    "unchecked": _in_query(
        "unchecked",
        one_of(["false", "true"]),
        "Save the template without asking the cloud about its image, size and options.",
        "true",
    ),
    "after": _in_query(
        "after", number(0, MOST_AFTER), "The id of the last event that you have.", 0
    ),
    "events_limit": _in_query(
        "limit", number(1, MOST_EVENTS), "The maximum number of events.", 100
    ),
    "wait": _in_query(
        "wait", number(0, MOST_WAIT), "How many seconds to wait for an event.", 0
    ),
    "leaks_account": _in_query(
        "account", text(), "Only this account. Defaults to all accounts.", "sandbox"
    ),
    "Idempotency-Key": _in_header(
        "Idempotency-Key",
        match(KEY.pattern),
        "Repeating a key with the same body within 24 hours returns the same servers.",
        "build-4711",
    ),
    "If-None-Match": _in_header(
        "If-None-Match",
        text(),
        "The `ETag` of an earlier response. If nothing has changed, you get a 304.",
        '"1"',
    ),
    "X-Request-ID": _in_header(
        "X-Request-ID",
        text(),
        "1 to 128 letters, digits and `.` `_` `-`. It is echoed, logged and kept with "
        "each event. Any other value is replaced.",
        "build-4711",
    ),
}
LIST: Final = (
    "state",
    "provider",
    "account",
    "region",
    "size",
    "template",
    "label",
    "search",
    "created_after",
    "ordering",
    "limit",
    "offset",
)


def point_at(name: str) -> dict[str, str]:
    """Return the reference to a shared parameter."""
    return ref(name, "parameters")
