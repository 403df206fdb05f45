"""Read each form of description into operations.

OpenAPI 3, several of them in one file (openstack), Swagger 2, Google's discovery
document, and the operations and types of a vendor's SDK (scaleway).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

METHODS = ("get", "put", "post", "delete", "patch", "head")


@dataclass
class Operation:
    """One call. Schemas are the description's own; their references start at root."""

    method: str
    template: str  # the whole path
    root: Mapping[str, Any]
    query: dict[str, Any] = field(default_factory=dict)  # name to schema
    needed: set[str] = field(default_factory=set)  # names of the query
    body: Any = None
    needs_body: bool = False
    answers: dict[str, Any] = field(default_factory=dict)  # status to schema

    @property
    def pattern(self) -> re.Pattern[str]:
        """What its path looks like."""
        parts = re.split(r"(\{[^}]+\})", self.template)
        return re.compile(
            "".join(
                "[^/]+" if part.startswith("{") else re.escape(part) for part in parts
            )
        )


def read_operations(
    spec: Mapping[str, Any], mounts: Mapping[str, str]
) -> list[Operation]:
    """Return all operations of a description, those with fewer variables first."""
    if "openapi" in spec:
        servers = spec.get("servers") or [{"url": ""}]
        found = list(_read_openapi(spec, urlsplit(servers[0]["url"]).path.rstrip("/")))
    elif "swagger" in spec:
        found = list(_read_openapi(spec, ""))
    elif spec.get("kind") == "discovery#restDescription":
        found = list(_read_discovery(spec))
    elif any(isinstance(part, dict) and "openapi" in part for part in spec.values()):
        found = [
            operation
            for name, part in spec.items()
            if isinstance(part, dict) and "openapi" in part
            for operation in _read_openapi(part, mounts.get(name, f"/{name}"))
        ]
    else:
        found = list(_read_sdk(spec))
    return sorted(found, key=lambda each: each.template.count("{"))


def _look_up(root: Mapping[str, Any], value: Any) -> Any:
    while isinstance(value, dict) and isinstance(value.get("$ref"), str):
        found: Any = root
        for step in value["$ref"].removeprefix("#/").split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]
        value = found
    return value


def _read_openapi(spec: Mapping[str, Any], prefix: str) -> Iterator[Operation]:
    for path, item in spec["paths"].items():
        for method in METHODS:
            if method in item:
                shared = item.get("parameters", [])
                yield _read_call(spec, f"{prefix}{path}", method, item[method], shared)


def _read_call(
    spec: Mapping[str, Any], path: str, method: str, call: Any, shared: Any
) -> Operation:
    operation = Operation(method.upper(), path.partition("?")[0], spec)
    for given in [*shared, *call.get("parameters", [])]:
        parameter = _look_up(spec, given)
        if parameter["in"] == "query":
            name = parameter["name"]
            operation.query[name] = parameter.get("schema", parameter)
            if parameter.get("required"):
                operation.needed.add(name)
        elif parameter["in"] == "body":
            operation.body = parameter["schema"]
            operation.needs_body = bool(parameter.get("required"))
    if "requestBody" in call:
        body = _look_up(spec, call["requestBody"])
        operation.body = _json_of(body)
        operation.needs_body = bool(body.get("required"))
    for status, given in call.get("responses", {}).items():
        answer = _look_up(spec, given)
        operation.answers[str(status).lower()] = answer.get("schema", _json_of(answer))
    return operation


def _json_of(body: Any) -> Any:
    content = body.get("content") or {}
    for kind, shape in content.items():
        if "json" in kind:
            return shape.get("schema")
    return None


def _read_discovery(spec: Mapping[str, Any]) -> Iterator[Operation]:
    def walk(resources: Mapping[str, Any]) -> Iterator[Any]:
        for resource in resources.values():
            yield from resource.get("methods", {}).values()
            yield from walk(resource.get("resources", {}))

    for method in walk(spec["resources"]):
        path = re.sub(r"\{\+?([^}]+)\}", r"{\1}", method["path"])
        operation = Operation(
            method["httpMethod"], f"/{spec['servicePath']}{path}", spec
        )
        both = {**spec.get("parameters", {}), **method.get("parameters", {})}
        for name, parameter in both.items():
            if parameter["location"] == "query":
                operation.query[name] = parameter
                if parameter.get("required"):
                    operation.needed.add(name)
        operation.body = method.get("request")
        operation.needs_body = "request" in method
        operation.answers = {"200": method.get("response")}
        yield operation


def _read_sdk(spec: Mapping[str, Any]) -> Iterator[Operation]:
    for part in spec.values():
        if not isinstance(part, dict) or "operations" not in part:
            continue
        for call in part["operations"].values():
            yield Operation(
                call["method"],
                call["path"],
                part,
                query=dict.fromkeys(call.get("query") or ()),
                body={"is": call["body"]} if call.get("body") else None,
                answers={"2xx": {"is": call["returns"]}},
            )
