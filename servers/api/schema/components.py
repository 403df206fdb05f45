"""What all operations share: errors, headers, tags, ways to identify oneself."""

from typing import Any, Final

from django.conf import settings

from servers.api.schema.parameters import REQUEST_ID
from servers.api.shared.auth import NEEDS_BEARER, HasScope
from servers.api.shared.errors import FAULT, NO_DATABASE
from servers.api.shared.parsers import TooLargeError

_TEXT: Final = {"type": "string"}
# What each error means, and an example of its message.
_ERRORS: Final = {
    400: (
        "The request is invalid. `message` and `errors` say why.",
        "capacity: Use a number from 1 to 1000.",
    ),
    401: ("The token is missing or not valid.", NEEDS_BEARER),
    403: (
        "The caller doesn't have permission, or a session sent no CSRF token.",
        HasScope.NEEDS_SCOPE.format(scope="fleet:admin"),
    ),
    404: ("Not found.", "There is no server named 'agent-x'."),
    409: (
        "Not possible in the current state. `message` says why.",
        (
            "The fleet has a limit of 500 servers, so no more can be created. "
            "Terminate some servers, or raise the limit."
        ),
    ),
    413: ("The body is too large.", TooLargeError.default_detail),
    415: (
        "The body is not JSON.",
        "Send JSON, with 'Content-Type: application/json'.",
    ),
    422: (
        "The Idempotency-Key was already used with another body.",
        (
            "This Idempotency-Key was already used with another body. Use a new key "
            "for a new request."
        ),
    ),
    429: (
        "Too many requests. `Retry-After` says how long to wait.",
        "Too many requests: the limit is 6000 per minute. Try again in 2 s.",
    ),
    500: ("An internal error. The log has it under the X-Request-ID.", FAULT),
    503: ("The database is not responding, or its disk is full.", NO_DATABASE),
}
EVERYWHERE: Final = (400, 429, 500, 503)
SAYS: Final = {
    200: "Success.",
    201: "Created.",
    202: "Started.",
    204: "Success. The response has no content.",
    304: "Nothing has changed since the `ETag` that you sent.",
}
_HEADERS: Final[dict[str, Any]] = {
    "X-Request-ID": {
        "description": "The id of the request, as in the log.",
        "schema": _TEXT,
    },
    "Retry-After": {
        "description": "How many seconds to wait.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "WWW-Authenticate": {"description": "`Bearer`.", "schema": _TEXT},
}
_OWN_HEADERS: Final = {401: "WWW-Authenticate", 429: "Retry-After", 503: "Retry-After"}
_SECURITY: Final = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token: `Authorization: Bearer sf_…`.",
    },
    "metrics": {
        "type": "http",
        "scheme": "bearer",
        "description": "The value of `SERVERFLEET_METRICS_TOKEN`, if it is set.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": settings.SESSION_COOKIE_NAME,
        "description": "A signed-in person's session. Writes also need `X-CSRFToken`.",
    },
}
TAGS: Final = {
    "servers": "Create, watch and terminate the servers that builds run on.",
    "events": "Read what happened.",
    "templates": "Describe how servers are created.",
    "accounts": "Manage clouds, their credentials and your limits there.",
    "leaks": "Prove that nothing leaks, and decide about instances without a server.",
    "fleet": "Switch the whole fleet, and limit its servers.",
    "tokens": "Manage API tokens.",
    "service": "The service itself.",
}


def ref(section: str, name: str) -> dict[str, str]:
    """Return a reference to a component."""
    return {"$ref": f"#/components/{section}/{name}"}


# Not a DRF view: it has Prometheus's format and its own token.
METRICS: Final = {
    "operationId": "getMetrics",
    "summary": "Return the metrics in Prometheus format.",
    "description": "Needs the metrics token, or an API token with the scope "
    "`servers:read`, unless `SERVERFLEET_METRICS_OPEN` is set.",
    "tags": ["service"],
    "parameters": [ref("parameters", "X-Request-ID")],
    "security": [{}, {"metrics": []}, {"bearer": []}],
    "responses": {
        "200": {
            "description": "Success.",
            "headers": {"X-Request-ID": ref("headers", "X-Request-ID")},
            "content": {
                "text/plain": {
                    "schema": _TEXT,
                    "example": 'serverfleet_servers{state="running"} 3.0\n',
                }
            },
        },
        **{
            str(status): ref("responses", f"Error{status}")
            for status in (*EVERYWHERE, 401, 403, 429)
        },
    },
}


def _error(status: int) -> dict[str, Any]:
    description, message = _ERRORS[status]
    example: dict[str, Any] = {"message": message}
    if status == 400:
        example["errors"] = {"capacity": [message.removeprefix("capacity: ")]}
    own = [_OWN_HEADERS[status]] if status in _OWN_HEADERS else []
    return {
        "description": description,
        "headers": {name: ref("headers", name) for name in (*own, "X-Request-ID")},
        "content": {
            "application/json": {"schema": ref("schemas", "Error"), "example": example}
        },
    }


COMPONENTS: Final = {
    "parameters": {"X-Request-ID": REQUEST_ID},
    "responses": {f"Error{status}": _error(status) for status in _ERRORS},
    "headers": _HEADERS,
    "securitySchemes": _SECURITY,
}
