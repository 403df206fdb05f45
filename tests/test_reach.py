"""Which records a caller can reach is decided in servers/access/reach.py alone."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

_ROOT = Path(__file__).resolve().parent.parent / "servers"
# All that answers a caller: the entrances, and the reads behind them.
_ANSWERS = ("api", "dashboard", "admin", "templatetags", "reports")
_HELD = frozenset({"Server", "Template", "Account", "Token"})
# Where people are listed. They are Django's own model, and no record of the fleet.
_PEOPLE = frozenset({"get_user_model()", "User"})
_MANAGERS = frozenset({"objects", "_default_manager", "_base_manager"})
_SHORTCUTS = frozenset({"get_object_or_404", "get_list_or_404", "aget_object_or_404"})
_REACHES = frozenset(
    f"reach_{what}"
    for what in ("servers", "templates", "recipes", "accounts", "tokens", "rows")
) | {"list_servers"}
# Whatever the caller can reach. Each of these says in its file why.
_WHOLE_FLEET = {
    "api/cost_metrics.py": {"all_accounts"},  # the fleet's metrics, as the next
    "api/metrics.py": {"all_servers", "all_accounts"},
    "dashboard/system.py": {"all_servers"},  # is work overdue
    "reports/leaks/load.py": {"all_servers"},  # all that an account runs
    "reports/selectors.py": {"all_servers"},  # count_by_state, for the metrics
}


def _list_files() -> Iterator[tuple[str, Path]]:
    for name in _ANSWERS:
        path = _ROOT / name
        for each in [path] if path.is_file() else sorted(path.rglob("*.py")):
            yield each.relative_to(_ROOT).as_posix(), each


def find_own_queries(code: str) -> list[str]:
    """Return the places where code queries a record without servers/access/reach.py."""
    tree = ast.parse(code)
    aliases = {
        name.asname: name.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for name in node.names
        if name.asname
    }
    return [
        f"{node.lineno}: {ast.unparse(node)[:60]}"
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and _is_own_manager(node, aliases))
        or (isinstance(node, ast.Name | ast.alias) and _name(node) in _SHORTCUTS)
    ]


def _name(node: ast.Name | ast.alias) -> str:
    return node.id if isinstance(node, ast.Name) else node.name


def _is_own_manager(node: ast.Attribute, aliases: dict[str, str]) -> bool:
    if node.attr not in _MANAGERS:
        return False
    model = ast.unparse(node.value).removeprefix("models.")
    model = aliases.get(model, model)
    # A variable may hold any model, so its manager may be one of these.
    is_model = model.isidentifier() and model[0].isupper()
    return model in _HELD or not (is_model or model in _PEOPLE)


@pytest.mark.pure
def test_no_entrance_queries_servers_templates_accounts_or_tokens_itself() -> None:
    files = dict(_list_files())
    assert {"api/setup.py", "admin/base.py", "dashboard/servers/acts.py"} <= set(files)
    found = [
        f"{name}:{place}"
        for name, path in files.items()
        for place in find_own_queries(path.read_text())
    ]
    assert not found, "\n".join(found)


@pytest.mark.pure
@pytest.mark.parametrize(
    "code",
    [
        "Server.objects.filter(name=name)",
        "models.Account.objects.all()",
        "Token._default_manager.get(name=name)",
        "Template._base_manager.get(name=name)",
        "from servers.models import Server as Row\nRow.objects.all()",
        "type(row).objects.filter(pk=row.pk)",
        "model.objects.all()",
        "self.model._default_manager.all()",
        "get_object_or_404(Server, name=name)",
        "from django.shortcuts import get_object_or_404 as get",
    ],
)
def test_each_way_to_query_them_is_noticed(code: str) -> None:
    assert find_own_queries(code)


@pytest.mark.pure
@pytest.mark.parametrize(
    "code",
    [
        "reach_servers().filter(name=name)",
        "Event.objects.filter(server=server)",
        "get_user_model().objects.filter(pk=pk)",
        "account.locations.order_by('region')",
    ],
)
def test_other_queries_are_left_alone(code: str) -> None:
    assert not find_own_queries(code)


@pytest.mark.pure
def test_only_what_is_listed_here_sees_the_whole_fleet() -> None:
    whole = {"all_servers", "all_accounts"}
    found = {}
    for name, path in _list_files():
        nodes = ast.walk(ast.parse(path.read_text()))
        used = {node.id for node in nodes if isinstance(node, ast.Name)} & whole
        if used:
            found[name] = used
    assert found == _WHOLE_FLEET


@pytest.mark.pure
def test_what_a_caller_can_reach_is_asked_for_each_request() -> None:
    """A query built when a module is imported could not know the caller."""
    early = [
        f"{name}:{node.lineno}"
        for name, path in _list_files()
        for node in _walk_import(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in _REACHES
    ]
    assert not early, "\n".join(early)


def _walk_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what runs at import: all but the bodies of functions."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.Lambda):
            yield from _walk_import(child)
