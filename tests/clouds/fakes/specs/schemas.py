"""Turn a description's schemas into JSON Schema, and find names it does not know."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

PLAIN = {
    "str": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "datetime": {"type": "string"},
    # Types of the SDK's core, which is no part of the description.
    "ScwZone": {"type": "string"},
    "ScwRegion": {"type": "string"},
}
_DROPPED = frozenset({"example", "examples", "description", "documentation", "format"})


def convert(value: Any, *, answers: bool) -> Any:
    """Return a schema of OpenAPI 3.0, Swagger 2 or discovery as JSON Schema 2020-12.

    ``answers``: what is only written need not be there; in requests, what is only read.
    """
    if isinstance(value, list):
        return [convert(each, answers=answers) for each in value]
    if not isinstance(value, dict):
        return value
    if "is" in value:
        return _convert_sdk(value["is"])
    shape = {
        name: convert(each, answers=answers)
        for name, each in value.items()
        if name not in _DROPPED or isinstance(each, dict)
    }
    _convert_bounds(shape)
    _open_parts(shape)
    if isinstance(shape.get("oneOf"), list) and "anyOf" not in shape:
        # Without their formats and discriminators, several may fit.
        shape["anyOf"] = shape.pop("oneOf")
    if isinstance(shape.get("$ref"), str) and not shape["$ref"].startswith("#"):
        shape["$ref"] = f"#/schemas/{shape['$ref']}"
    if isinstance(shape.get("enum"), list) and "…" in str(shape["enum"][-1:]):
        del shape["enum"]  # the extract cuts long ones, and says so at their end
    _drop_required(shape, "writeOnly" if answers else "readOnly")
    if isinstance(shape.get("pattern"), str) and not _is_pattern(shape["pattern"]):
        del shape["pattern"]
    if shape.get("type") == "any":  # Google's word for any value
        del shape["type"]
    if shape.pop("nullable", False) is True or shape.pop("x-nullable", False) is True:
        return {"anyOf": [shape, {"type": "null"}]}
    return shape


def _convert_bounds(shape: dict[str, Any]) -> None:
    for bound in ("minimum", "maximum"):  # Google writes them as text
        if isinstance(shape.get(bound), str):
            shape[bound] = int(shape[bound])
    for side in ("Minimum", "Maximum"):
        if shape.pop(f"exclusive{side}", None) is True:
            shape[f"exclusive{side}"] = shape.pop(side.lower())


def _open_parts(shape: dict[str, Any]) -> None:
    """Let each part take the names of the others. ``find_unknown`` knows them all."""
    parts = shape.get("allOf")
    for part in parts if isinstance(parts, list) else ():
        if part.get("additionalProperties") is False:
            del part["additionalProperties"]


def _drop_required(shape: dict[str, Any], hidden: str) -> None:
    needed, properties = shape.get("required"), shape.get("properties")
    if not isinstance(needed, list):
        shape.pop("required", None)  # of a parameter, or Google's list of methods
    elif isinstance(properties, dict):
        shape["required"] = [
            name
            for name in needed
            if not (isinstance(properties.get(name), dict))
            or not properties[name].get(hidden)
        ]


def _is_pattern(pattern: str) -> bool:
    try:
        re.compile(pattern)
    except re.error:
        return False
    # Rust's expressions have no such groups, and Java's classes are others.
    return not re.search(r"\\[pPuxZAz]|\(\?[<!=]", pattern)


def _convert_sdk(kind: str) -> dict[str, Any]:
    """Return the schema of a Python type. Optional fields may be null."""
    if kind in PLAIN:
        return PLAIN[kind]
    if kind == "None":
        return {}
    if found := re.fullmatch(r"list\[(.+)\]", kind):
        return {"type": "array", "items": _convert_sdk(found[1])}
    if found := re.fullmatch(r"dict\[str, (.+)\]", kind):
        return {"type": "object", "additionalProperties": _convert_sdk(found[1])}
    return {"$ref": f"#/types/{kind}"}


def find_unknown(
    value: Any, schema: Any, root: Mapping[str, Any], where: str = ""
) -> Iterator[str]:
    """Yield the paths of names in a value that its schema does not know."""
    parts = list(_flatten(schema, root))
    if isinstance(value, dict):
        known: dict[str, list[Any]] = {}
        others: list[Any] = []
        for part in parts:
            for name, shape in part.get("properties", {}).items():
                known.setdefault(name, []).append(shape)
            others += _find_others(part)
        open_ended = not known or bool(others)
        for name, each in value.items():
            if name in known:
                shape = {"anyOf": known[name]}
                yield from find_unknown(each, shape, root, f"{where}.{name}")
            elif not open_ended:
                yield f"{where}.{name}"
            else:
                shape = {"anyOf": others}
                yield from find_unknown(each, shape, root, f"{where}.{name}")
    elif isinstance(value, list):
        items = {"anyOf": [part["items"] for part in parts if "items" in part]}
        for each in value:
            yield from find_unknown(each, items, root, f"{where}[]")


def _find_others(part: Mapping[str, Any]) -> list[Any]:
    more = part.get("additionalProperties", False)
    patterns = part.get("patternProperties", {}).values()
    return [*patterns, *([] if more is False else [{} if more is True else more])]


def _flatten(schema: Any, root: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield all schemas that may speak about a value: itself, and those combined."""
    if not isinstance(schema, dict):
        return
    if isinstance(schema.get("$ref"), str):
        found: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            found = found[step.replace("~1", "/").replace("~0", "~")]
        yield from _flatten(found, root)
    yield schema
    for name in ("allOf", "anyOf", "oneOf"):
        for part in schema.get(name, ()):
            yield from _flatten(part, root)
