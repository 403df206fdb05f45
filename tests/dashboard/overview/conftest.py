"""A fleet in which all is well."""

from typing import Any

import pytest


@pytest.fixture
def account(workshop: Any) -> Any:
    # Here, since this file is read before Django is set up.
    from servers.models import Location
    from servers.reports import overview
    from tests.support.fleet import make_fleet
    from tests.support.trouble import start_processes

    overview._kept.clear()
    found = make_fleet()
    workshop.run_until(lambda: bool(Location.objects.get().compared_at))
    start_processes()
    return found
