"""OpenStack's floating addresses: given after the create call, and left over."""

from collections.abc import Iterator

import pytest

from servers.clouds.base import NoCapacityError, QuotaError
from servers.clouds.port import FinishesSome
from servers.outgoing.errors import CallError, MissingError, RefusedError
from tests.clouds.benches.openstack import FloatingBench, OpenStackBench
from tests.clouds.conformance.test_faults import catch
from tests.clouds.fakes.openstack_offers import (
    EXTERNAL_ID,
    NETWORK_ID,
)

pytestmark = pytest.mark.pure


@pytest.fixture
def bench() -> Iterator[OpenStackBench]:
    made = OpenStackBench()
    with made.run():
        yield made


@pytest.fixture
def floating() -> Iterator[FloatingBench]:
    made = FloatingBench()
    with made.run():
        yield made


def test_a_server_has_no_address_until_its_floating_one_is_there(
    floating: FloatingBench,
) -> None:
    cloud, spec = floating.open(), floating.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    assert cloud.get_instance(made.instance_id, deadline=5).address == ""
    shown = cloud.finish(made, spec, deadline=5)
    assert shown.address.startswith("203.0.113.")
    assert cloud.get_instance(made.instance_id, deadline=5).address == shown.address
    (entry,) = floating.fake.left["one", "floatingips"].values()
    assert entry["description"] == (f"serverfleet-fleet=ci serverfleet-key={spec.key}")


def test_a_placement_decides_whether_an_instance_gets_a_floating_address(
    bench: OpenStackBench, floating: FloatingBench
) -> None:
    plain, with_it = bench.open(), floating.open()
    assert isinstance(plain, FinishesSome)
    assert isinstance(with_it, FinishesSome)
    wanted = bench.make_spec(options={"floating_network": EXTERNAL_ID})
    assert not plain.finishes_spec(bench.make_spec())
    assert plain.finishes_spec(wanted)
    assert with_it.finishes_spec(bench.make_spec())
    assert not with_it.finishes_spec(bench.make_spec(options={"floating_network": ""}))


def test_a_server_whose_port_is_not_there_yet_is_finished_later(
    floating: FloatingBench,
) -> None:
    floating.fake.port_delay = 30.0
    cloud, spec = floating.open(), floating.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    error = catch(lambda: cloud.finish(made, spec, deadline=5))
    assert type(error) is MissingError
    floating.fake.advance(31.0)
    assert cloud.finish(made, spec, deadline=5).address


def test_two_finishes_at_once_come_to_one_address(floating: FloatingBench) -> None:
    cloud, spec = floating.open(), floating.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    addresses = {cloud.finish(made, spec, deadline=5).address for _ in range(3)}
    assert len(addresses) == 1
    assert len(floating.fake.left["one", "floatingips"]) == 1


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("OverQuota", QuotaError), ("IpAddressGenerationFailure", NoCapacityError)],
)
def test_an_address_that_is_refused_ends_the_attempt(
    floating: FloatingBench, kind: str, wanted: type[CallError]
) -> None:
    cloud, spec = floating.open(), floating.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    floating.fake.no_floating = kind
    assert type(catch(lambda: cloud.finish(made, spec, deadline=5))) is wanted
    other = floating.make_spec(options={"floating_network": NETWORK_ID})
    error = catch(lambda: cloud.finish(made, other, deadline=5))
    assert type(error) is RefusedError
    assert floating.fake.left.get(("one", "floatingips"), {}) == {}


def test_a_floating_address_is_a_leftover_once_its_server_is_gone(
    floating: FloatingBench,
) -> None:
    cloud, spec = floating.open(), floating.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    cloud.finish(made, spec, deadline=5)
    # An address that someone else allocated, and one that is in use, stay.
    floating.fake.add_floating("one", "for the web site", "")
    assert cloud.list_leftovers("ci", deadline=5) == ()
    cloud.destroy_instance(made.instance_id, deadline=5)
    floating.fake.advance(3600.0)
    (left,) = cloud.list_leftovers("ci", deadline=5)
    assert (left.kind, left.key) == ("address", spec.key)
    cloud.delete_leftover(left.resource_id, deadline=5)
    assert cloud.list_leftovers("ci", deadline=5) == ()
    assert len(floating.fake.left["one", "floatingips"]) == 1
