"""From nothing to a pool that serves a queue, against the whole service."""

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest

from servers.drill.service import Service
from tests.support.browser import check_looks
from tests.support.pool_walk import walk_to_a_pool

pytestmark = [pytest.mark.pure, pytest.mark.slow]

Enter = Callable[[Service], AbstractContextManager[Any]]


def test_a_newcomer_has_a_pool_that_serves_the_example_queue_in_minutes(
    enter: Enter,
) -> None:
    began = time.monotonic()
    seen: list[str] = []

    def look(name: str) -> None:
        size = page.viewport_size
        check_looks(page)
        page.set_viewport_size(size)
        seen.append(name)

    with Service() as service, enter(service) as page:
        walk_to_a_pool(page, look)
        assert seen == ["queue", "jobs", "servers", "pool"]
        assert time.monotonic() - began < 600
        # Its jobs end, and what the pool did is told.
        page.get_by_text("will be created.").first.wait_for()
