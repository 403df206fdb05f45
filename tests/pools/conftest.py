"""Fakes of a CI, and a pool whose queue registers agents at one of GitHub."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture
def account() -> Any:
    from tests.support.fleet import make_fleet

    return make_fleet()


@pytest.fixture
def drone() -> Iterator[Any]:
    from tests.clouds.fakes.base import running
    from tests.queues.fakes.drone import FakeDrone

    with running(FakeDrone()) as fake:
        yield fake


@pytest.fixture
def github() -> Iterator[Any]:
    from tests.clouds.fakes.base import running
    from tests.queues.fakes.github import FakeGitHub

    with running(FakeGitHub()) as fake:
        yield fake


@pytest.fixture
def pool(github: Any, account: Any, settings: Any) -> Any:
    """Return a dry pool whose queue registers the agents of its servers."""
    from tests.support.runners import make_registering_pool

    settings.DRAIN_RECHECK = 0.0
    return make_registering_pool(github)


@pytest.fixture
def server(pool: Any, workshop: Any) -> Any:
    """Return a running server of that pool."""
    from tests.support.runners import provision_in

    made = provision_in(pool)
    workshop.run_to("running", made)
    return made
