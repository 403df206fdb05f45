"""Four admins with a session each, and two processes of the web that they ask."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from django.db import connection

from servers.drill.postgresql import PostgreSQL

CREW: Final = ("ada", "ben", "cleo", "dan")


@pytest.fixture(scope="session")
def site(django_db_setup: None, postgresql: PostgreSQL | None) -> Iterator[str]:
    """The pages, on the database of the tests."""
    from tests.support.site import run_site

    name = str(connection.settings_dict["NAME"])
    with run_site(
        postgresql.url(name) if postgresql else Path(name), workers=2
    ) as address:
        yield address


@pytest.fixture
def crew(transactional_db: None, workshop: Any, site: str) -> Iterator[list[Any]]:
    """The people; a fleet stands behind the pages."""
    from tests.support.crew import Person
    from tests.support.fleet import make_fleet
    from tests.support.people import make_person

    make_fleet()
    people = [Person(site, make_person("admin", name=name)) for name in CREW]
    yield people
    for person in people:
        person.leave()
