"""A database as an earlier version left it, and its upgrade to this one."""

from collections.abc import Iterator
from typing import Any

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.loader import MigrationLoader

from servers.freshness.triggers import install_triggers


def go_back(migration: str) -> Iterator[Any]:
    """Migrate the database back, yield its models at that time, and forward again."""
    before = [("servers", migration)]
    executor = make_executor()
    drop_triggers()
    executor.migrate(before)
    yield executor.loader.project_state(before).apps
    upgrade()
    install_triggers()


def upgrade() -> Any:
    """Migrate to the newest version. Return its models."""
    executor = make_executor()
    latest = executor.loader.graph.leaf_nodes("servers")
    executor.migrate(latest)
    return executor.loader.project_state(latest).apps


def make_executor() -> MigrationExecutor:
    """Return what runs each migration that the squashed one replaces."""
    executor = MigrationExecutor(connection)
    executor.loader = MigrationLoader(connection, replace_migrations=False)
    return executor


def drop_triggers() -> None:
    """Remove what keeps SQLite from dropping a column."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in cursor.fetchall():
                cursor.execute(f'DROP TRIGGER "{name}"')
