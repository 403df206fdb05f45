"""A running service, on the database of the run."""

from collections.abc import Iterator

import pytest

from servers.drill.postgresql import PostgreSQL
from servers.drill.service import Service


@pytest.fixture
def database_env(postgresql: PostgreSQL | None) -> dict[str, str]:
    """A fresh database for one service."""
    return _create_database(postgresql)


def _create_database(postgresql: PostgreSQL | None) -> dict[str, str]:
    return {"DATABASE_URL": postgresql.create_database()} if postgresql else {}


@pytest.fixture
def service(database_env: dict[str, str]) -> Iterator[Service]:
    """A running service."""
    with Service(**database_env) as running:
        yield running


@pytest.fixture(scope="module")
def shared(postgresql: PostgreSQL | None) -> Iterator[Service]:
    """A running service for the tests of a module that leave it as it was.

    A start takes as long as most tests.
    """
    with Service(**_create_database(postgresql)) as running:
        yield running
