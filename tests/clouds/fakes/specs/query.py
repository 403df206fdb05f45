"""Compare requests and answers of EC2's Query API with its service model.

Requests are flat parameters (``Filter.1.Value.2``), answers XML. Source of the naming:
the model's protocol ``ec2``, as botocore's serializer and parser read it.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import parse_qsl
from xml.etree import ElementTree

from tests.clouds.fakes.specs.checker import Answered, Asked

_COMMON = frozenset({"Action", "Version"})


class QueryChecker:
    """EC2's service model. ``invents``: names beyond it, as ``Checker`` takes them."""

    def __init__(
        self, cloud: str, spec: Mapping[str, Any], invents: Collection[str]
    ) -> None:
        self.cloud = cloud
        self.invents = frozenset(invents)
        self.operations = spec["operations"]
        self.shapes = spec["shapes"]

    def check_request(self, request: Asked) -> list[str]:
        """Return what is wrong with a request."""
        params = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
        action = params.get("Action", "")
        if action not in self.operations:
            return [f"{self.cloud}: the action {action} is not in the description."]
        shape = self.operations[action].get("input", {}).get("shape", "")
        wrong = [
            message
            for name, value in params.items()
            if name not in _COMMON
            and (message := self._check_param(name, shape, name.split("."), value))
        ]
        given = {name.split(".")[0] for name in params}
        asked = self.shapes.get(shape, {})
        wrong += [
            f"{name} is missing"
            for name in asked.get("required", ())
            if self._name_in(asked["members"][name], name) not in given
        ]
        return [f"{self.cloud}: {action}: {each}" for each in wrong]

    def check_answer(self, request: Asked, answer: Answered) -> list[str]:
        """Return what is wrong with an answer that is a success."""
        action = dict(parse_qsl(request.body.decode())).get("Action", "")
        if answer.status >= 300 or action not in self.operations:
            return []
        try:
            root = ElementTree.fromstring(answer.body)
        except ElementTree.ParseError:
            return [f"{self.cloud}: {action} is answered without XML."]
        shape = self.operations[action].get("output", {}).get("shape", "")
        wrong = dict.fromkeys(self._find_unknown(root, shape, ""))
        return [f"{self.cloud}: {action} answers {each}" for each in wrong]

    def find_enumeration(self, *path: str) -> set[str]:
        """Return the values of an enumeration, for a test."""
        found: Any = self.shapes
        for step in path:
            found = found[step]
        return set(found)

    def _name_in(self, member: Mapping[str, Any], name: str) -> str:
        """Return a member's name in a request."""
        given = member.get("queryName") or member.get("locationName") or name
        return str(given[0].upper() + given[1:])

    def _check_param(self, whole: str, shape: str, steps: list[str], value: str) -> str:
        found = self.shapes.get(shape, {})
        kind = found.get("type", "")
        if kind == "structure":
            for name, member in found["members"].items():
                if steps and self._name_in(member, name) == steps[0]:
                    return self._check_param(whole, member["shape"], steps[1:], value)
            # A shape that the extract leaves out has no members.
            return "" if not found["members"] else f"{whole} is unknown"
        if kind == "list":
            if not steps or not steps[0].isdigit():
                return f"{whole} has no number"
            return self._check_param(whole, found["member"]["shape"], steps[1:], value)
        if steps:
            return f"{whole} is too long"
        return f"{whole} can't be {value[:60]}" if _is_wrong(found, value) else ""

    def _find_unknown(
        self, element: ElementTree.Element, shape: str, where: str
    ) -> list[str]:
        found = self.shapes.get(shape, {})
        wrong: list[str] = []
        if found.get("type") == "structure" and found["members"]:
            known = {
                member.get("locationName") or name: member["shape"]
                for name, member in found["members"].items()
            }
            for child in element:
                name = child.tag.rpartition("}")[2]
                if name in known:
                    inner = f"{where}.{name}"
                    wrong += self._find_unknown(child, known[name], inner)
                elif name != "requestId" and name not in self.invents:
                    wrong.append(f"{where}.{name}, which is unknown")
        elif found.get("type") == "list":
            for child in element:
                wrong += self._find_unknown(child, found["member"]["shape"], where)
        elif where.rpartition(".")[2] in self.invents:
            return []
        elif _is_wrong(found, (element.text or "").strip()):
            wrong.append(f"{where} = {(element.text or '')[:60]}")
        return wrong


def _is_wrong(shape: Mapping[str, Any], value: str) -> bool:
    kind = shape.get("type", "")
    if kind in {"integer", "long"}:
        return not re.fullmatch("-?[0-9]+", value)
    if kind == "boolean":
        return value not in {"true", "false"}
    values = shape.get("enum", ())
    # The extract cuts long enumerations, and says so in their last entry.
    return bool(values) and "…" not in str(values[-1]) and value not in values
