from collections.abc import Iterator

import pytest

from servers.machine.agents.table import AGENTS
from tests.support.dockerd import make_endpoint, make_keys, run_dockerd
from tests.support.standins import Host, add_images


@pytest.fixture(scope="session")
def only_host() -> Iterator[Host]:
    name, keys = make_keys()
    with run_dockerd(keys) as daemon:
        add_images(daemon, tuple(set(AGENTS) - {"none"}))
        yield Host(daemon, make_endpoint(daemon.address, name, keys))


@pytest.fixture
def host(only_host: Host) -> Iterator[Host]:
    yield only_host
    only_host.clear()
    with only_host.connect() as docker:
        docker.call("POST", "/networks/prune")
