"""JSON Schema, in a few words."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

Shape = dict[str, Any]

# PostgreSQL's integer, and so the limit on both databases.
MOST_INTEGER: Final = 2**31 - 1
NO_NUL: Final = r"^[^\u0000]*$"
# A format of our own, as Python's str.isprintable: no control, no line separator,
# nothing unassigned.
PRINTABLE: Final = "printable"


def text(says: str = "", **rules: Any) -> Shape:
    """Return a text; ``rules`` are JSON Schema's own."""
    return _described({"type": "string", **rules}, says)


def match(pattern: str, says: str = "", **rules: Any) -> Shape:
    """Return a text that matches a pattern as a whole."""
    return text(says, pattern=f"^(?:{pattern})$", **rules)


def number(least: int, most: int | None = None, says: str = "") -> Shape:
    """Return a whole number."""
    shape: Shape = {"type": "integer", "minimum": least}
    if most is not None:
        shape["maximum"] = most
    return _described(shape, says)


def flag(says: str = "") -> Shape:
    """Return true or false."""
    return _described({"type": "boolean"}, says)


def one_of(values: Iterable[str], says: str = "") -> Shape:
    """Return one of some texts."""
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
    """Return an object of these properties and no others, all of them required."""
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
    """Return the shape, or null."""
    return {**shape, "type": [shape["type"], "null"]}


def ref(name: str, section: str = "schemas") -> Shape:
    """Point at a component."""
    return {"$ref": f"#/components/{section}/{name}"}


def seconds(says: str) -> Shape:
    """Return a moment in Unix seconds."""
    return number(0, None, f"{says} Unix seconds, 0 for not yet or never.")


def _described(shape: Shape, says: str) -> Shape:
    return {**shape, "description": says} if says else shape
