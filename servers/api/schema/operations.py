"""The table of operations: what each method of each path accepts and returns.

Summary and scope come from the view, so the table has neither.
"""

from dataclasses import dataclass
from typing import Any, Final

from servers.api.schema.parameters import LIST, Parameter, in_path
from servers.api.schema.shapes import number


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of one path.

    ``answer`` is the name of a component, or "" for no content; with ``several`` the
    response is an array of it. ``also`` lists further statuses without content, and
    ``headers`` the response's own headers. ``example`` replaces the component's example
    if that would be wrong. ``plain`` is the text for clients that don't ask for JSON.
    """

    id: str
    tag: str
    answer: str = ""
    several: bool = False
    status: int = 200
    body: str = ""
    needs_body: bool = False
    query: tuple[str, ...] = ()
    sends: tuple[str, ...] = ()  # request headers
    headers: tuple[str, ...] = ()
    errors: tuple[int, ...] = ()
    also: tuple[int, ...] = ()
    example: str = ""
    plain: str = ""
    says: str = ""


_CACHED: Final[dict[str, Any]] = {
    "sends": ("If-None-Match",),
    "headers": ("ETag",),
    "also": (304,),
}
_GONE: Final[dict[str, Any]] = {"status": 204, "errors": (404, 409)}
_ASKS: Final = (
    "If something changes that the cloud can check, the cloud is asked first. This can "
    "take some seconds. You get a 400 if the cloud refuses the image, the size or an "
    "option, and a 503 if the cloud did not confirm them. `unchecked` skips the check."
)
_DECIDE: Final[dict[str, Any]] = {"tag": "leaks", "errors": (404, 409)}

OPERATIONS: Final[dict[str, Operation]] = {
    "GET /api/servers": Operation(
        "listServers",
        "servers",
        "Server",
        several=True,
        query=LIST,
        sends=("If-None-Match",),
        headers=("ETag", "Link", "X-Total-Count"),
        also=(304,),
        says="Returns a bare array. With `limit` or `offset`, it is one page.",
    ),
    "POST /api/servers": Operation(
        "createServers",
        "servers",
        "ServerOrServers",
        body="ServerRequest",
        sends=("Idempotency-Key",),
        headers=("Idempotent-Replayed",),
        errors=(409, 422),
        says="Without a body, one server is created from the default template. If the "
        "request is refused, no server is created.",
    ),
    "GET /api/servers/{name}": Operation(
        "getServer", "servers", "Server", errors=(404,), **_CACHED
    ),
    "PATCH /api/servers/{name}": Operation(
        "changeServer",
        "servers",
        "Details",
        body="ServerChange",
        needs_body=True,
        errors=(404, 409),
    ),
    "DELETE /api/servers/{name}": Operation(
        "terminateServer",
        "servers",
        "Server",
        query=("force",),
        errors=(404, 409),
        also=(204,),
        example="shutdown",
        says="The instance is destroyed at once, even if builds are running. Repeating "
        "the call changes nothing. A server in `error` is removed from the list at "
        "once (204) if it has no instance, or with `force`.",
    ),
    "POST /api/servers/{name}/retry": Operation(
        "retryServer",
        "servers",
        "Server",
        errors=(404, 409),
        example="pending",
    ),
    "GET /api/servers/{name}/why": Operation(
        "explainServer", "servers", "Why", errors=(404,)
    ),
    "GET /api/servers/{name}/details": Operation(
        "getDetails", "servers", "Details", errors=(404,)
    ),
    "GET /api/servers/{name}/events": Operation(
        "listServerEvents",
        "servers",
        "Event",
        several=True,
        query=("after", "events_limit", "wait"),
        headers=("Link",),
        errors=(404,),
    ),
    "GET /api/servers/{name}/attempts": Operation(
        "listAttempts", "servers", "Attempt", several=True, errors=(404,)
    ),
    "GET /api/events": Operation(
        "listEvents",
        "events",
        "Event",
        several=True,
        query=("after", "events_limit", "wait"),
        headers=("Link",),
        says="With `wait`, the response arrives with the first event, or empty after "
        "that time.",
    ),
    "GET /api/templates": Operation(
        "listTemplates", "templates", "Template", several=True
    ),
    "POST /api/templates": Operation(
        "createTemplate",
        "templates",
        "Template",
        status=201,
        body="TemplateRequest",
        needs_body=True,
        query=("unchecked",),
        errors=(409, 503),
        says=_ASKS,
    ),
    "GET /api/templates/{name}": Operation(
        "getTemplate", "templates", "Template", errors=(404,)
    ),
    "PATCH /api/templates/{name}": Operation(
        "changeTemplate",
        "templates",
        "Template",
        body="TemplateChange",
        needs_body=True,
        query=("unchecked",),
        errors=(404, 409, 503),
        says=_ASKS,
    ),
    "DELETE /api/templates/{name}": Operation("deleteTemplate", "templates", **_GONE),
    "POST /api/templates/{name}/try": Operation(
        "tryTemplate", "templates", "TrialBegun", status=202, errors=(404, 409)
    ),
    "GET /api/templates/{name}/try": Operation(
        "getTrial", "templates", "Trial", errors=(404,)
    ),
    "GET /api/accounts": Operation("listAccounts", "accounts", "Account", several=True),
    "POST /api/accounts": Operation(
        "createAccount",
        "accounts",
        "Account",
        status=201,
        body="AccountRequest",
        needs_body=True,
        errors=(409,),
    ),
    "GET /api/accounts/{name}": Operation(
        "getAccount", "accounts", "Account", errors=(404,)
    ),
    "PATCH /api/accounts/{name}": Operation(
        "changeAccount",
        "accounts",
        "Account",
        body="AccountChange",
        needs_body=True,
        errors=(404, 409),
    ),
    "DELETE /api/accounts/{name}": Operation("deleteAccount", "accounts", **_GONE),
    "POST /api/accounts/{name}/test": Operation(
        "testAccount", "accounts", "AccountTest", errors=(404,)
    ),
    "POST /api/accounts/{name}/close-breaker": Operation(
        "closeBreaker", "accounts", "Account", errors=(404,)
    ),
    "GET /api/leaks": Operation(
        "getLeaks", "leaks", "Leaks", query=("leaks_account",), errors=(404,)
    ),
    "POST /api/leaks/{pk}/adopt": Operation(
        "adoptInstance", answer="Server", body="Adoption", **_DECIDE
    ),
    "POST /api/leaks/{pk}/destroy": Operation("destroyInstance", status=204, **_DECIDE),
    "POST /api/leaks/leftovers/{pk}/delete": Operation(
        "deleteLeftover", status=204, **_DECIDE
    ),
    "POST /api/leaks/destroy-held": Operation(
        "destroyHeld", answer="Condemned", body="Place", needs_body=True, **_DECIDE
    ),
    "GET /api/fleet": Operation("getFleet", "fleet", "Fleet"),
    "PATCH /api/fleet": Operation(
        "changeFleet", "fleet", "Fleet", body="FleetChange", needs_body=True
    ),
    "POST /api/pause": Operation("pause", "fleet", status=204),
    "POST /api/resume": Operation("resume", "fleet", status=204),
    "GET /api/tokens": Operation("listTokens", "tokens", "Token", several=True),
    "POST /api/tokens": Operation(
        "createToken",
        "tokens",
        "NewToken",
        status=201,
        body="TokenRequest",
        needs_body=True,
        errors=(409,),
    ),
    "GET /api/tokens/{name}": Operation("getToken", "tokens", "Token", errors=(404,)),
    "DELETE /api/tokens/{name}": Operation(
        "revokeToken", "tokens", status=204, errors=(404,)
    ),
    "GET /api/me": Operation("getCaller", "tokens", "Me"),
    "GET /api/schema": Operation("getSchema", "service", "OpenAPI"),
    "GET /healthz": Operation(
        "getHealth",
        "service",
        "Health",
        plain="OK",
        says="Returns `OK` as text, or JSON if `Accept` asks for it.",
    ),
    "GET /varz": Operation("getVarz", "service", "Varz"),
    "GET /version": Operation("getVersion", "service", "Version"),
}

# A page, not an operation.
PAGES: Final = frozenset({"GET /api/docs"})

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

_NAMES: Final = {
    "servers": "agent-7h2k9qxm",
    "templates": "large",
    "accounts": "second",
    "tokens": "ci",
}


def parts_of(path: str) -> list[Parameter]:
    """Return the path parameters."""
    if "{pk}" in path:
        says = "The `key` from `/api/leaks`."
        return [in_path("pk", says, 7, number(0))]
    if "{name}" in path:
        kind = path.split("/")[2]
        return [in_path("name", f"The name, as in `/api/{kind}`.", _NAMES[kind])]
    return []
