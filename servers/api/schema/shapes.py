"""Short functions that build JSON Schema."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

Shape = dict[str, Any]

# The largest PostgreSQL integer. SQLite gets the same limit.
MOST_INTEGER: Final = 2**31 - 1
NO_NUL: Final = r"^[^\u0000]*$"
# Our own format, like Python's str.isprintable: no control characters, no line
# separators, no unassigned code points.
PRINTABLE: Final = "printable"


def text(says: str = "", **rules: Any) -> Shape:
    """Return a string; ``rules`` are JSON Schema keywords."""
    return _described({"type": "string", **rules}, says)


def match(pattern: str, says: str = "", **rules: Any) -> Shape:
    """Return a string that matches the whole pattern."""
    return text(says, pattern=f"^(?:{pattern})$", **rules)


def number(least: int, most: int | None = None, says: str = "") -> Shape:
    """Return an integer."""
    shape: Shape = {"type": "integer", "minimum": least}
    if most is not None:
        shape["maximum"] = most
    return _described(shape, says)


def flag(says: str = "") -> Shape:
    """Return a boolean."""
    return _described({"type": "boolean"}, says)


def one_of(values: Iterable[str], says: str = "") -> Shape:
    """Return an enum of strings."""
    return _described(
        {"type": "string", "enum": [str(value) for value in values]}, says
    )


def items(shape: Shape, **rules: Any) -> Shape:
    """Return an array."""
    return {"type": "array", "items": shape, **rules}


def closed(
    properties: Mapping[str, Shape],
    *,
    required: Iterable[str] | None = None,
    says: str = "",
    **rules: Any,
) -> Shape:
    """Return an object with only these properties, all required by default."""
    names = list(properties if required is None else required)
    shape: Shape = {
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
        **({"required": names} if names else {}),
        **rules,
    }
    return _described(shape, says)


def or_null(shape: Shape) -> Shape:
    """Return the shape with null allowed."""
    return {**shape, "type": [shape["type"], "null"]}


def ref(name: str, section: str = "schemas") -> Shape:
    """Return a reference to a component."""
    return {"$ref": f"#/components/{section}/{name}"}


def seconds(says: str) -> Shape:
    """Return a time in Unix seconds."""
    return number(0, None, f"{says} Unix seconds; 0 means not yet or never.")


def _described(shape: Shape, says: str) -> Shape:
    return {**shape, "description": says} if says else shape
