"""Vultr over its fake, and the error that a create call ends in."""

from typing import Any

import pytest

from servers.clouds.vultr.adapter import Vultr
from servers.outgoing.errors import CallError
from tests.clouds.benches.vultr import VultrBench
from tests.clouds.fakes.wire import Response


def open_cloud(bench: VultrBench, **options: Any) -> Vultr:
    cloud = bench.open(**options)
    assert isinstance(cloud, Vultr)
    return cloud


def catch_create(bench: VultrBench, response: Response) -> CallError:
    bench.fake.answer(response, role="create")
    with pytest.raises(CallError) as raised:
        bench.open().create_instance(bench.make_spec(), deadline=5)
    return raised.value
