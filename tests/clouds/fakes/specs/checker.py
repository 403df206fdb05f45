"""Compare the requests and answers of a fake with its cloud's description."""

import re
from collections.abc import Collection, Mapping
from functools import lru_cache
from typing import Any, Protocol

import jsonschema_rs

from tests.clouds.fakes.specs.forms import Operation
from tests.clouds.fakes.specs.schemas import convert, find_unknown

# What schemas refer to in the forms' roots.
_SHARED = ("components", "definitions", "schemas", "types", "parameters", "paths")


class Asked(Protocol):
    """What is checked of a request. ``fakes.base.Request`` has it."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def role(self) -> str: ...
    @property
    def query(self) -> Mapping[str, list[str]]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def data(self) -> Any: ...


class Answered(Protocol):
    """What is checked of an answer. ``fakes.base.Response`` has it."""

    @property
    def status(self) -> int: ...
    @property
    def body(self) -> Any: ...


class Checker:
    """One cloud's description.

    ``invents``: what its fake has beyond it. A name is a field or a parameter, or one
    of another type; ``GET /path/{id}`` is a call, ``418`` a status.
    """

    def __init__(
        self, cloud: str, operations: list[Operation], invents: Collection[str]
    ) -> None:
        self.cloud = cloud
        self.operations = operations
        self.invents = frozenset(invents)
        self._patterns = [(each.pattern, each) for each in operations]
        self._validators: dict[tuple[int, str], Any] = {}

    def check_request(self, request: Asked) -> list[str]:
        """Return what is wrong with a request."""
        said = f"{self.cloud}: {request.method} {request.path}"
        operation = self._find(request)
        if operation is None:
            if request.role == "token" or self._is_invented(request):
                return []
            return [f"{said} is not in the description."]
        wrong = self._check_query(operation, request.query)
        if operation.body is None:
            if request.body and not self._is_invented(request):
                wrong.append("takes no body")
        elif request.body:
            wrong += self._check(operation, "", operation.body, request.data)
        elif operation.needs_body:
            wrong.append("needs a body")
        return [f"{said}: {each}" for each in wrong]

    def check_answer(self, request: Asked, answer: Answered) -> list[str]:
        """Return what is wrong with an answer."""
        operation = self._find(request)
        if operation is None:
            return []
        said = f"{self.cloud}: {answer.status} to {request.method} {request.path}"
        status = str(answer.status)
        for name in (status, f"{status[0]}xx", "default"):
            if name in operation.answers:
                schema = operation.answers[name]
                break
        else:
            # Few descriptions list all errors.
            if answer.status >= 400 or status in self.invents:
                return []
            return [f"{said} is not in the description."]
        if schema is None or schema.get("is") == "None":
            wrong_body = answer.body and answer.status < 400
            return [f"{said}: has no body there"] if wrong_body else []
        if answer.body is None and answer.status >= 400:
            return []
        wrong = self._check(operation, name, schema, answer.body)
        return [f"{said}: {each}" for each in wrong]

    def find_enumeration(self, *path: str) -> set[str]:
        """Return the values at a path of names in the description, for a test."""
        for operation in self.operations:  # a description may have several roots
            found: Any = operation.root
            for step in path:
                found = found.get(step) if isinstance(found, dict) else None
            if found:
                return set(found)
        raise KeyError(path)

    def _is_invented(self, request: Asked) -> bool:
        for name in self.invents:
            method, _, path = name.partition(" ")
            if path and method == request.method:
                pattern = re.sub(r"\\{[a-z_]+\\}", "[^/]+", re.escape(path))
                if re.fullmatch(f".*{pattern}", request.path):
                    return True
        return False

    def _find(self, request: Asked) -> Operation | None:
        for pattern, operation in self._patterns:
            if operation.method == request.method and pattern.fullmatch(request.path):
                return operation
        return None

    def _check_query(
        self, operation: Operation, query: Mapping[str, list[str]]
    ) -> list[str]:
        wrong = [
            f"the parameter {name} is missing" for name in operation.needed - set(query)
        ]
        for name, values in query.items():
            if name in self.invents:
                continue
            if name not in operation.query:
                wrong.append(f"the parameter {name} is unknown")
            elif operation.query[name] is not None:
                value = _read_value(operation.query[name], values)
                where = f"?{name}"
                wrong += self._check(operation, where, operation.query[name], value)
        return wrong

    def _check(
        self, operation: Operation, where: str, schema: Any, value: Any
    ) -> list[str]:
        """Check a value against a schema. ``where`` is "" for a request's body."""
        validator, shape, root = self._validator(operation, where, schema)
        wrong = [
            f"{'.'.join(map(str, error.instance_path))}: {error.message}"[:400]
            for error in validator.iter_errors(value)
            if not error.instance_path or error.instance_path[-1] not in self.invents
        ]
        return wrong + [
            f"{name} is unknown"
            for name in find_unknown(value, shape, root)
            if name.rpartition(".")[2] not in self.invents
        ]

    def _validator(self, operation: Operation, where: str, schema: Any) -> Any:
        key = (id(operation), where)
        if key not in self._validators:
            answers = bool(where) and not where.startswith("?")
            root = _convert_root(_Root(operation.root), answers=answers)
            shape = convert(schema, answers=answers)
            whole = {**root, "allOf": [shape]}
            made = jsonschema_rs.Draft202012Validator(whole)
            self._validators[key] = (made, shape, root)
        return self._validators[key]


class _Root:
    """A description, compared by identity, so that it can be a key."""

    def __init__(self, root: Mapping[str, Any]) -> None:
        self.root = root

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Root) and other.root is self.root

    def __hash__(self) -> int:
        return id(self.root)


@lru_cache(maxsize=16)
def _convert_root(key: _Root, *, answers: bool) -> dict[str, Any]:
    shared = {name: key.root[name] for name in _SHARED if name in key.root}
    converted: dict[str, Any] = convert(shared, answers=answers)
    for shape in converted.get("types", {}).values():
        _loosen(shape)
    return converted


def _loosen(shape: dict[str, Any]) -> None:
    """Let optional fields of an SDK's type be null, as the wire has them.

    Which fields are required is the SDK's own affair: it fills in what is missing.
    """
    needed = set(shape.pop("required", ()))
    for name, each in shape.get("properties", {}).items():
        if name not in needed:
            shape["properties"][name] = {"anyOf": [each, {"type": "null"}]}


def _read_value(schema: Any, values: list[str]) -> Any:
    """Return a parameter's value in the type that its schema asks for."""
    kind = schema.get("type")
    if kind == "array" or schema.get("repeated"):
        return [_read_plain(schema.get("items", {}).get("type"), v) for v in values]
    return _read_plain(kind, values[-1])


def _read_plain(kind: Any, value: str) -> Any:
    kinds = kind if isinstance(kind, list) else [kind]
    if "integer" in kinds and value.removeprefix("-").isdigit():
        return int(value)
    if "number" in kinds and value.replace(".", "", 1).isdigit():
        return float(value)
    if "boolean" in kinds and value in {"true", "false"}:
        return value == "true"
    return value
