"""docs/settings.md and the code name the same settings."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OURS = re.compile(r"SERVERFLEET_[A-Z0-9_]+")
ROW = re.compile(r"^\| ([^|]+) \|", re.MULTILINE)
INTERNAL = {
    # The drill tells its child where PostgreSQL is; nobody else sets it.
    "SERVERFLEET_DRILL_POSTGRES",
    # What an agent's container gets.
    "SERVERFLEET_CAPACITY",
    "SERVERFLEET_SERVER",
}
# The Drone Autoscaler's, which are read from a file when someone moves here.
FOREIGN = re.compile(r"DRONE_[A-Z_]+")
FILES = {"SSL_CERT_FILE"}


def list_documented() -> set[str]:
    """Return the names in the first columns of the tables."""
    cells = ROW.findall((ROOT / "docs" / "settings.md").read_text())
    return {name for cell in cells for name in re.findall(r"`([A-Z0-9_]+)`", cell)}


def list_read() -> set[str]:
    """Return what the code reads of the environment."""
    sources = [
        path for folder in ("serverfleet", "servers") for path in _sources(folder)
    ]
    found = (_names(ast.parse(path.read_text())) for path in sources)
    # A secret may stand in a file; the docs say so once, for all of them.
    return {
        name if name in FILES else name.removesuffix("_FILE")
        for names in found
        for name in names
    }


def _sources(folder: str) -> Iterator[Path]:
    return (ROOT / folder).rglob("*.py")


def _names(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if OURS.fullmatch(node.value):
                yield node.value
        elif isinstance(node, ast.Call) and node.args:
            called = ast.unparse(node.func)
            first = node.args[0]
            reads = called.rpartition(".")[2].lstrip("_").startswith("read_")
            if (reads or called == "os.environ.get") and isinstance(
                first, ast.Constant
            ):
                name = str(first.value)
                if re.fullmatch(r"[A-Z][A-Z0-9_]+", name) and not FOREIGN.match(name):
                    yield name


def test_each_setting_that_the_code_reads_is_in_the_docs() -> None:
    found = list_read()
    assert {"HOST", "DATABASE_URL", "SERVERFLEET_WORKERS"} <= found
    assert found - INTERNAL - list_documented() == set()


def test_each_setting_in_the_docs_is_read_by_the_code() -> None:
    documented = list_documented()
    assert len(documented) > 30
    assert documented - list_read() == set()


def test_no_other_page_keeps_a_table_of_settings() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    for page in [*pages, *(ROOT / "servers").rglob("*.md")]:
        if page.name != "settings.md":
            assert not re.search(r"^\| `SERVERFLEET_", page.read_text(), re.M), page
