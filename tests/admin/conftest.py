"""The pages are asked for as browsers do, by somebody who may do everything."""

from typing import Any

import pytest

from tests.support.browsing import as_a_browser

__all__ = ["as_a_browser"]


@pytest.fixture
def client(workshop: Any) -> Any:
    # Here, since this file is read before Django is set up.
    from django.contrib.auth.models import User
    from django.test import Client

    from tests.support.fleet import make_fleet

    make_fleet()
    found = Client()
    found.force_login(User.objects.create_superuser("ada"))
    return found
