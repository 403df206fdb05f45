"""The volumes that OpenStack's servers boot from: tagged, and left over."""

from collections.abc import Iterator

import pytest

from servers.clouds.base import NoCapacityError, UnfinishedError
from servers.clouds.port import FinishesSome
from servers.outgoing.errors import CredentialsError
from tests.clouds.benches.openstack import DiskBench, OpenStackBench
from tests.clouds.conformance.test_faults import catch
from tests.clouds.fakes.wire import Response

pytestmark = pytest.mark.pure


@pytest.fixture
def bench() -> Iterator[DiskBench]:
    made = DiskBench()
    with made.run():
        yield made


def test_a_volume_that_outlives_its_server_is_a_leftover(bench: DiskBench) -> None:
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    cloud.finish(made, spec, deadline=5)
    assert cloud.list_leftovers("ci", deadline=5) == ()  # it is in use
    bench.fake.keeps_volumes = True
    cloud.destroy_instance(made.instance_id, deadline=5)
    bench.fake.advance(3600.0)
    (left,) = cloud.list_leftovers("ci", deadline=5)
    assert (left.kind, left.key, left.detail) == ("volume", spec.key, "40 GiB")
    assert cloud.list_leftovers("other", deadline=5) == ()
    cloud.delete_leftover(left.resource_id, deadline=5)
    assert cloud.list_leftovers("ci", deadline=5) == ()


def test_a_placement_decides_whether_an_instance_boots_from_a_volume() -> None:
    bench = OpenStackBench()
    with bench.run():
        cloud = bench.open()
        assert isinstance(cloud, FinishesSome)
        assert not cloud.finishes
        assert not cloud.finishes_spec(bench.make_spec())
        assert cloud.finishes_spec(bench.make_spec(options={"disk_gib": 40}))


def test_a_volume_that_is_not_there_yet_is_tagged_later(bench: DiskBench) -> None:
    bench.fake.volume_delay, bench.fake.boot = 40.0, 60.0
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    error = catch(lambda: cloud.finish(made, spec, deadline=5))
    assert type(error) is UnfinishedError
    assert error.retry_after
    assert bench.list_unfinished("ci") == []  # Nova shows none to tag
    bench.fake.advance(41.0)
    assert bench.list_unfinished("ci") == [spec.key]
    cloud.finish(made, spec, deadline=5)
    assert bench.list_unfinished("ci") == []


def test_a_server_that_was_never_built_is_given_up(bench: DiskBench) -> None:
    bench.fake.no_capacity = 1
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    error = catch(lambda: cloud.finish(made, spec, deadline=5))
    assert type(error) is NoCapacityError


def test_a_volume_that_stays_without_its_server_is_never_tagged(
    bench: DiskBench,
) -> None:
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    (volume,) = bench.fake.left["one", "volumes"].values()
    volume["deleted_with_it"] = False  # as one that somebody attached by hand
    bench.fake.advance(600.0)
    cloud.finish(made, spec, deadline=5)
    assert volume["metadata"] == {}


def test_tags_that_are_already_there_stay(bench: DiskBench) -> None:
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    (volume,) = bench.fake.left["one", "volumes"].values()
    volume["metadata"] = {"readonly": "False"}
    for _ in range(2):
        cloud.finish(made, spec, deadline=5)
    assert volume["metadata"] == {
        "readonly": "False",
        "serverfleet-fleet": "ci",
        "serverfleet-key": spec.key,
    }


def test_a_volume_that_may_not_be_tagged_is_refused(bench: DiskBench) -> None:
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    said = {"forbidden": {"code": 403, "message": "Policy doesn't allow it."}}
    bench.fake.answer(Response(403, said), role="tag")
    error = catch(lambda: cloud.finish(made, spec, deadline=5))
    assert type(error) is CredentialsError
