"""The API's description matches the routes, limits and responses."""

import json
from typing import Any

import jsonschema_rs
import pytest

from servers.api.schema.components import TAGS
from servers.api.schema.generate import build_schema
from servers.models import Instance, Leftover, Server, Template
from servers.operations.trial import try_template
from tests.api.conftest import Call
from tests.support.fleet import Workshop, provision
from tests.support.pools import make_pool
from tests.support.routes import list_routes

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = {"GET /api/docs"}
SCHEMA: dict[str, Any] = build_schema()
CASES = [
    (f"{method.upper()} {path}", operation)
    for path, methods in SCHEMA["paths"].items()
    for method, operation in methods.items()
]


def resolve(shape: dict[str, Any]) -> dict[str, Any]:
    found: Any = shape
    while "$ref" in found:
        _, *parts = found["$ref"].split("/")
        found = SCHEMA
        for part in parts:
            found = found[part]
    assert isinstance(found, dict)
    return found


def validator(shape: dict[str, Any]) -> jsonschema_rs.Validator:
    """Return a validator that knows the components and all formats, even ours."""
    return jsonschema_rs.Draft202012Validator(
        {**shape, "components": SCHEMA["components"]},
        validate_formats=True,
        formats={"printable": str.isprintable},
    )


def example_of(part: dict[str, Any]) -> Any:
    """Return the example of a parameter or a body, which may be the only named one."""
    if "examples" not in part:
        return part["example"]
    ((_, shown),) = part["examples"].items()
    return shown["value"]


def content_of(part: dict[str, Any]) -> dict[str, Any] | None:
    found = resolve(part).get("content", {}).get("application/json")
    assert found is None or isinstance(found, dict)
    return found


@pytest.mark.pure
def test_every_route_is_described_and_nothing_else() -> None:
    routes = {f"{route.method} {route.path}" for route in list_routes()}
    assert {key for key, _ in CASES} == routes - PAGES | {"GET /metrics"}
    assert SCHEMA["openapi"].startswith("3.1")


@pytest.mark.pure
@pytest.mark.parametrize(("key", "operation"), CASES, ids=[key for key, _ in CASES])
def test_an_operation_has_examples_errors_a_tag_and_its_scope(
    key: str, operation: dict[str, Any]
) -> None:
    assert operation["operationId"].isalnum()
    assert set(operation["tags"]) <= set(TAGS)
    assert not {"`", ":"} & set(operation["summary"]), operation["summary"]
    for parameter in map(resolve, operation["parameters"]):
        assert validator(parameter["schema"]).is_valid(example_of(parameter)), parameter
        assert parameter["description"]
    parts = [*operation["responses"].values(), operation.get("requestBody", {})]
    for content in filter(None, map(content_of, parts)):
        validator(content["schema"]).validate(example_of(content))
    for status, response in operation["responses"].items():
        assert resolve(response)["description"], status
        if int(status) >= 400:
            found = content_of(response)
            assert found is not None
            assert found["schema"] == {"$ref": "#/components/schemas/Error"}
    if operation["security"] and key != "GET /metrics":
        (bearer, session) = operation["security"]
        assert f"`{bearer['bearer'][0]}`" in operation["description"]
        assert bearer["bearer"] == session["session"]
        assert {"401", "403"} <= set(operation["responses"])


@pytest.mark.pure
def test_scopes_are_the_routes_own() -> None:
    described = {
        key: operation["security"][0]["bearer"][0] if operation["security"] else ""
        for key, operation in CASES
        if key != "GET /metrics"
    }
    for route in list_routes():
        key = f"{route.method} {route.path}"
        assert key in PAGES or described[key] == route.scope


BODIES = [
    (key, operation["requestBody"]["content"]["application/json"])
    for key, operation in CASES
    if "requestBody" in operation
]


@pytest.mark.pure
@pytest.mark.parametrize(("key", "content"), BODIES, ids=[key for key, _ in BODIES])
def test_a_body_is_closed_and_not_empty_where_something_is_needed(
    key: str, content: dict[str, Any]
) -> None:
    check = validator(content["schema"])
    assert not check.is_valid({"unknown": 1})
    needs = not key.endswith(("POST /api/servers", "/adopt", "/hook"))
    assert check.is_valid({}) != needs


def test_every_answer_has_the_described_shape_and_order(
    call: Call, workshop: Workshop
) -> None:
    server = provision(name="agent-n", labels={"team": "red"})
    workshop.run_to("running", server)
    provision(name="agent-new")
    instance = Instance.objects.get()
    instance.pk, instance.instance_id, instance.verdict = None, "i-2", "unexplained"
    instance.attempt, instance.server_uid = None, None
    instance.save()
    Leftover.objects.create(
        account=instance.account,
        resource_id="vol-1",
        kind="volume",
        first_seen=instance.first_seen,
    )
    Server.objects.create(
        name="agent-end",
        state="stopping",
        provider="sandbox",
        capacity=1,
        account=server.account,
        template=server.template,
        recipe=server.recipe,
    )
    try_template(Template.objects.get(name="default"))
    make_pool()
    checked = 0
    for key, operation in CASES:
        method, _, path = key.partition(" ")
        content = content_of(operation["responses"].get("200", {}))
        if method != "GET" or content is None:
            continue
        place = (
            path.replace("servers/{name}", "servers/agent-n")
            .replace("templates/{name}", "templates/default")
            .replace("accounts/{name}", "accounts/sandbox")
            .replace("tokens/{name}", "tokens/t0")
            .replace("queues/{name}", "queues/ci")
            .replace("pools/{name}", "pools/linux")
        )
        answer = call("GET", place, headers={"accept": "application/json"})
        assert answer.status_code == 200, (place, answer.content)
        assert answer["Content-Type"] == "application/json; charset=utf-8"
        told = json.loads(answer.content)
        validator(content["schema"]).validate(told)
        assert told, place
        check_order(told, content["schema"])
        checked += 1
    assert checked == sum(key.startswith("GET") for key, _ in CASES) - 1
    report = call("GET", "/api/leaks").json()["scopes"][0]
    assert report["findings"]
    assert report["leftovers"]
    assert report["unconfirmed"]


def check_order(told: Any, shape: dict[str, Any]) -> None:
    """The fields are in the order of the description."""
    shape = resolve(shape)
    if shape.get("type") == "array":
        for entry in told:
            check_order(entry, shape["items"])
    elif "required" in shape and "openapi" not in shape["required"]:
        assert list(told) == list(shape["properties"])
        for name, value in told.items():
            check_order(value, shape["properties"][name])


def test_errors_have_the_described_shape(call: Call) -> None:
    check = validator({"$ref": "#/components/schemas/Error"})
    for answer in (
        call("GET", "/api/servers", scopes=None),
        call("GET", "/api/fleet", scopes=["secrets:read"]),
        call("GET", "/api/servers/nobody"),
        call("GET", "/api/servers?magic=1"),
        call("PUT", "/api/servers"),
        call("PUT", "/metrics"),
        call("POST", "/api/servers", data="{", content_type="application/json"),
    ):
        assert answer.status_code >= 400
        check.validate(answer.json())
        if answer.status_code == 405:
            assert "GET" in answer["Allow"]


def test_the_schema_is_served_to_anyone_without_queries(
    call: Call, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        answer = call("GET", "/api/schema", scopes=None)
    assert answer.status_code == 200
    assert answer.json() == json.loads(json.dumps(SCHEMA))
