"""A fake of Vultr for each test."""

from collections.abc import Iterator

import pytest

from tests.clouds.benches.vultr import VultrBench


@pytest.fixture
def bench() -> Iterator[VultrBench]:
    made = VultrBench()
    with made.run():
        yield made
