"""Each test of the suite runs on every bench that has what it ``needs``."""

from collections.abc import Iterator

import pytest

from servers.clouds.port import Cloud
from tests.clouds.benches import BENCHES
from tests.clouds.benches.base import Bench


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "bench" not in metafunc.fixturenames:
        return
    marks = [mark.args for mark in metafunc.definition.iter_markers("needs")]
    needed = {name for args in marks for name in args}
    names = [name for name, bench in BENCHES.items() if not needed & set(bench.lacks)]
    metafunc.parametrize("bench", names, indirect=True)


@pytest.fixture
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    made = BENCHES[request.param]()
    made.prepare(request.getfixturevalue)
    with made.run():
        yield made


@pytest.fixture
def cloud(bench: Bench) -> Cloud:
    return bench.open()
