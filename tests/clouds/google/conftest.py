"""A fake of Compute Engine for each test, and the adapter over it."""

from collections.abc import Iterator

import pytest

from servers.clouds.port import Cloud
from tests.clouds.benches.google import GoogleBench


@pytest.fixture
def bench() -> Iterator[GoogleBench]:
    made = GoogleBench()
    with made.run():
        yield made


@pytest.fixture
def cloud(bench: GoogleBench) -> Cloud:
    return bench.open()
