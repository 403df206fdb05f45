"""Every route with every scope and without any, as the docs say."""

from pathlib import Path

import pytest

from servers.access.tokens import SCOPES, expand_scopes
from servers.models import Token
from tests.api.conftest import Call
from tests.support.routes import Route, list_routes, render_table

pytestmark = pytest.mark.django_db(transaction=True)

DOCS = Path(__file__).resolve().parents[2] / "docs" / "api.md"


def path_of(route: Route) -> str:
    return route.path.replace("{name}", "nobody").replace("{pk}", "999999")


def test_the_table_in_the_docs_matches_the_code() -> None:
    assert render_table() in DOCS.read_text()


def test_there_are_routes_to_check() -> None:
    routes = list_routes()
    assert len(routes) > 35
    assert {route.scope for route in routes} == SCOPES | {""}
    open_paths = {route.path for route in routes if not route.scope}
    described = {"/api/schema", "/api/docs"}
    assert open_paths == {"/healthz", "/varz", "/version"} | described
    writes = [route for route in routes if route.method != "GET"]
    assert all(route.scope not in {"", "servers:read"} for route in writes)


def test_each_route_accepts_only_its_scope(call: Call) -> None:
    for route in list_routes():
        path = path_of(route)
        answer = call(route.method, path, scopes=None)
        assert (answer.status_code == 401) == bool(route.scope), route
        for scope in Token.Scope:
            may = not route.scope or route.scope in expand_scopes([scope])
            answer = call(route.method, path, scopes=[scope])
            assert (answer.status_code != 403) == may, (route, scope)
            assert answer.status_code != 401, (route, scope)
            assert answer.status_code < 500, (route, scope, answer.content)
            if answer.status_code >= 400:
                assert answer.json()["message"], route


def test_other_methods_are_405_and_options_lists_the_methods(
    call: Call,
) -> None:
    methods: dict[str, set[str]] = {}
    for route in list_routes():
        methods.setdefault(path_of(route), set()).add(route.method)
    for path, known in methods.items():
        allowed = {part.strip() for part in call("OPTIONS", path)["Allow"].split(",")}
        assert known <= allowed, path
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE"} - known:
            assert call(method, path).status_code == 405, (method, path)
