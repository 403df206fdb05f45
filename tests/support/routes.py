"""The API's routes, read from the URLs: method, path and required scope."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.urls import URLPattern, get_resolver
from rest_framework.permissions import SAFE_METHODS

from servers.api.schema.generate import summarise
from servers.api.shared.views import ScopedView

_PARAMETER: Final = re.compile(r"\(\?P<(\w+)>[^)]*\)|<(?:\w+:)?(\w+)>")
_METHODS: Final = ("get", "post", "put", "patch", "delete")


@dataclass(frozen=True, slots=True, order=True)
class Route:
    """One method of one path. An empty ``scope`` lets everyone in."""

    path: str  # /api/servers/{name}
    method: str
    scope: str
    what: str  # the first sentence of the view's docstring


def list_routes() -> list[Route]:
    """Return every route of the API, sorted by path and method."""
    return sorted(_read(get_resolver("servers.api.urls").url_patterns))


def render_table() -> str:
    """Return the routes as a Markdown table, for docs/api.md."""
    lines = ["| method | path | scope | what it does |", "| --- | --- | --- | --- |"]
    for route in list_routes():
        scope = f"`{route.scope}`" if route.scope else "none"
        lines.append(f"| {route.method} | `{route.path}` | {scope} | {route.what} |")
    return "\n".join(lines) + "\n"


def _read(patterns: Any) -> Iterator[Route]:
    for pattern in patterns:
        assert isinstance(pattern, URLPattern)
        view: Any = getattr(pattern.callback, "cls", None)
        if view is None or not issubclass(view, ScopedView):
            continue  # the metrics have their own token
        actions = getattr(pattern.callback, "actions", None) or {
            method: method for method in _METHODS if hasattr(view, method)
        }
        path = _PARAMETER.sub(
            lambda found: f"{{{found[1] or found[2]}}}", str(pattern.pattern)
        )
        path = "/" + path.removeprefix(r"\A").removesuffix(r"\Z")
        for method, name in actions.items():
            if method not in _METHODS:
                continue
            scope = (
                view.read_scope if method.upper() in SAFE_METHODS else view.write_scope
            )
            yield Route(path, method.upper(), scope or "", summarise(view, name))
