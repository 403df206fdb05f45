"""ServerFleet has a public URL, and no caller was counted yet."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def public_url(settings: Any) -> Iterator[None]:
    # Here, since this file is read before Django is set up.
    from django.core.cache import cache

    from servers.api.callback import reports
    from servers.api.shared import limits
    from tests.support.reporters import URL

    settings.PUBLIC_URL = URL
    for counter in (reports, limits.refusals):
        counter.forget()
    cache.clear()
    yield
    for counter in (reports, limits.refusals):
        counter.forget()
