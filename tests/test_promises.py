"""No text that a person reads promises what the code does not do."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from servers.api.schema.generate import build_schema

_ROOT = Path(__file__).resolve().parent.parent
# What comes later. A sentence may name it only to say that it is not there yet.
_NOT_YET = re.compile(
    r"paus(e|es|ed|ing) (automatic|creation)|automatic creation"
    r"|would create by itself",
    re.IGNORECASE,
)
_TRUE = re.compile(r"\b(yet|no|nothing|never|neither|not)\b", re.IGNORECASE)


def _read_pages() -> Iterator[tuple[str, str]]:
    for path in sorted((_ROOT / "templates").rglob("*.html")):
        text = re.sub(r"{%.*?%}|{{.*?}}|<[^>]*>", ". ", path.read_text())
        yield path.name, text


def _read_docs() -> Iterator[tuple[str, str]]:
    paths = [_ROOT / "README.md", *sorted((_ROOT / "docs").glob("*.md"))]
    paths += sorted((_ROOT / "servers").rglob("*.md"))
    for path in paths:
        for line in path.read_text().splitlines():
            yield path.name, line


def _read_code() -> Iterator[tuple[str, str]]:
    """What pages, admin, commands and errors are put together from; docstrings, too."""
    for path in sorted((_ROOT / "servers").rglob("*.py")):
        if "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield path.name, node.value


def _read_api() -> Iterator[tuple[str, str]]:
    yield "the API's description", json.dumps(build_schema())


@pytest.mark.pure
@pytest.mark.parametrize("read", [_read_pages, _read_docs, _read_code, _read_api])
def test_no_text_promises_what_is_not_done(read: object) -> None:
    assert callable(read)
    found = [
        f"{name}: {sentence.strip()[:200]}"
        for name, text in read()
        for sentence in re.split(r"(?<=[.!?:])\s|\\n", text)
        if _NOT_YET.search(sentence) and not _TRUE.search(sentence)
    ]
    assert not found, "\n".join(found)
