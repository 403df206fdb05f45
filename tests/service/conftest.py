"""A running service, on the database of the run."""

from collections.abc import Iterator

import pytest

from servers.drill.postgresql import PostgreSQL
from servers.drill.service import Service


@pytest.fixture
def database_env(postgresql: PostgreSQL | None) -> dict[str, str]:
    """A fresh database for one service."""
    return {"DATABASE_URL": postgresql.create_database()} if postgresql else {}


@pytest.fixture
def service(database_env: dict[str, str]) -> Iterator[Service]:
    """A running service."""
    with Service(**database_env) as running:
        yield running
