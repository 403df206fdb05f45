"""Build the description with drf-spectacular.

drf-spectacular finds the paths and builds the document. The operations come from our
table instead of from serializers, because the API has none.
"""

from functools import cache
from typing import Any, Final

from django.conf import settings
from django.urls import get_script_prefix
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from servers.api.schema import answers, bodies, examples
from servers.api.schema.operations import OPERATIONS, PAGES, TAGS, Operation, parts_of
from servers.api.schema.parameters import PARAMETERS, point_at
from servers.api.schema.shapes import Shape, items, number, ref, text
from servers.api.shared.renderers import ORJSONRenderer
from servers.api.shared.routes import list_routes

_JSON: Final = "application/json"
_ERRORS: Final = {
    400: "The request is invalid. `message` and `errors` say why.",
    401: "The token is missing or not valid.",
    403: "The caller doesn't have permission, or a session sent no CSRF token.",
    404: "Not found.",
    409: "Not possible in the current state. `message` says why.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The Idempotency-Key was already used with another body.",
    429: "Too many requests. `Retry-After` says how long to wait.",
    500: "An internal error. The log has it under the X-Request-ID.",
    503: "The database is not responding, or its disk is full.",
}
_EVERYWHERE: Final = (400, 429, 500, 503)
_SAYS: Final = {
    200: "Success.",
    201: "Created.",
    202: "Started.",
    204: "Success. The response has no content.",
    304: "Nothing has changed since the `ETag` that you sent.",
}
_HEADERS: Final[dict[str, Shape]] = {
    "X-Request-ID": {
        "description": "The id of the request, as in the log.",
        "schema": text(),
    },
    "ETag": {"description": "The version of the response.", "schema": text()},
    "Link": {
        "description": "Links to the other pages, if any (RFC 8288).",
        "schema": text(),
    },
    "X-Total-Count": {
        "description": "The total number on all pages.",
        "schema": number(0),
    },
    "Idempotent-Replayed": {
        "description": "`true` if the key was used before.",
        "schema": text(),
    },
    "Retry-After": {"description": "How many seconds to wait.", "schema": number(0)},
    "WWW-Authenticate": {"description": "`Bearer`.", "schema": text()},
}
_OWN_HEADERS: Final = {
    401: ("WWW-Authenticate",),
    429: ("Retry-After",),
    503: ("Retry-After",),
}
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


# Not a DRF view: it has Prometheus's format and its own token.
_METRICS: Final = {
    "operationId": "getMetrics",
    "summary": "Return the metrics in Prometheus format.",
    "description": "Needs the metrics token, or an API token with the scope "
    "`servers:read`, unless `SERVERFLEET_METRICS_OPEN` is set.",
    "tags": ["service"],
    "parameters": [point_at("X-Request-ID")],
    "security": [{}, {"metrics": []}, {"bearer": []}],
    "responses": {
        "200": {
            "description": "Success.",
            "headers": {"X-Request-ID": ref("X-Request-ID", "headers")},
            "content": {
                "text/plain": {
                    "schema": text(),
                    "example": 'serverfleet_servers{state="running"} 3.0\n',
                }
            },
        },
        **{
            str(status): ref(f"Error{status}", "responses")
            for status in (*_EVERYWHERE, 401, 403, 429)
        },
    },
}


class OperationSchema(AutoSchema):
    """DRF's hook on each view. The operation comes from the table."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any
    ) -> dict[str, Any] | None:
        """Return the operation. Raise KeyError if the table has none."""
        key = f"{method.upper()} {path}"
        return None if key in PAGES else _describe(key)


class Generator(SchemaGenerator):
    """Generates the document with our components."""

    def get_schema(self, request: Any = None, public: bool = False) -> dict[str, Any]:
        """Return the whole description."""
        document: dict[str, Any] = super().get_schema(  # type: ignore[no-untyped-call]
            request, public
        )
        document["servers"] = [{"url": get_script_prefix().rstrip("/") or "/"}]
        document["paths"]["/metrics"] = {"get": _METRICS}
        document["tags"] = [
            {"name": name, "description": says} for name, says in TAGS.items()
        ]
        document["components"] = {
            "schemas": answers.SCHEMAS | bodies.SCHEMAS,
            "parameters": PARAMETERS,
            "responses": {f"Error{status}": _error(status) for status in _ERRORS},
            "headers": _HEADERS,
            "securitySchemes": _SECURITY,
        }
        return document


def build_schema() -> dict[str, Any]:
    """Return the OpenAPI document."""
    generator = Generator(urlconf="servers.api.urls")  # type: ignore[no-untyped-call]
    return generator.get_schema(public=True)


@cache
def encode_schema() -> bytes:
    """Return the document as it is served. It never changes while a process runs."""
    return ORJSONRenderer().render(build_schema())


@cache
def _routes() -> dict[str, tuple[str, str]]:
    return {
        f"{route.method} {route.path}": (route.scope, route.what)
        for route in list_routes()
    }


def _describe(key: str) -> dict[str, Any]:
    _method, _, path = key.partition(" ")
    operation = OPERATIONS[key]
    scope, what = _routes()[key]
    needs = f"Needs the scope `{scope}`." if scope else "Needs no token."
    described: dict[str, Any] = {
        "operationId": operation.id,
        "summary": what.replace("``", ""),
        "description": "\n\n".join(part for part in (operation.says, needs) if part),
        "tags": [operation.tag],
        "parameters": [
            *parts_of(path),
            *map(point_at, operation.query),
            *map(point_at, operation.sends),
            point_at("X-Request-ID"),
        ],
        "security": [{"bearer": [scope]}, {"session": [scope]}] if scope else [],
        "responses": _responses(operation, with_token=bool(scope)),
    }
    if operation.body:
        described["requestBody"] = {
            "required": operation.needs_body,
            "content": {
                _JSON: {
                    "schema": ref(operation.body),
                    "example": examples.BODIES[operation.body],
                }
            },
        }
    return described


def _responses(operation: Operation, *, with_token: bool) -> dict[str, Any]:
    answered: dict[str, Any] = {
        "description": _SAYS[operation.status],
        "headers": _point_at_headers(*operation.headers),
    }
    if operation.answer:
        shape, example = ref(operation.answer), _example(operation)
        if operation.several:
            shape, example = items(shape), [example]
        answered["content"] = {_JSON: {"schema": shape, "example": example}}
    if operation.plain:
        plain = {"schema": text() | {"const": operation.plain}}
        answered["content"]["text/plain"] = plain | {"example": operation.plain}
    found = {str(operation.status): answered}
    for status in operation.also:
        found[str(status)] = {
            "description": _SAYS[status],
            "headers": _point_at_headers(),
        }
    errors = {*_EVERYWHERE, *operation.errors}
    errors |= {401, 403} if with_token else set()
    errors |= {413, 415} if operation.body else set()
    for status in errors:
        found[str(status)] = ref(f"Error{status}", "responses")
    return dict(sorted(found.items()))


def _example(operation: Operation) -> Any:
    if operation.example == "shutdown":
        return examples.SHUTDOWN
    if operation.example == "pending":
        return examples.PENDING
    return examples.ANSWERS[operation.answer]


def _error(status: int) -> dict[str, Any]:
    return {
        "description": _ERRORS[status],
        "headers": _point_at_headers(*_OWN_HEADERS.get(status, ())),
        "content": {
            _JSON: {"schema": ref("Error"), "example": examples.ERRORS[status]}
        },
    }


def _point_at_headers(*names: str) -> dict[str, Any]:
    return {name: ref(name, "headers") for name in (*names, "X-Request-ID")}
