"""A fake for each test: of GitHub, or of what its case is about."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.clouds.fakes.base import running
from tests.queues.fakes.github import FakeGitHub


@pytest.fixture
def github() -> Iterator[FakeGitHub]:
    with running(FakeGitHub()) as fake:
        yield fake


@pytest.fixture
def fake(case: Any) -> Iterator[Any]:
    with running(case.fake()) as found:
        yield found
