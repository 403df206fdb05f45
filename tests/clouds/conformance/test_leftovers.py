"""What an ended instance left behind, and a finish that was cut off."""

import pytest

from servers.clouds.base import HALTED, Meaning
from servers.clouds.port import Cloud
from servers.outgoing.errors import CallError
from tests.clouds.benches.base import Bench
from tests.clouds.conformance.test_life import create

pytestmark = pytest.mark.pure


def test_what_was_left_behind_is_listed_of_one_fleet_alone_and_deleted(
    bench: Bench, cloud: Cloud
) -> None:
    create(cloud, bench.make_spec())  # what it uses is no leftover
    assert cloud.list_leftovers("ci", deadline=10) == ()
    for kind, shown_as in bench.leftovers.items():
        ours, theirs = bench.make_spec(), bench.make_spec(fleet="ci-two")
        bench.leave(kind, ours)
        bench.leave(kind, theirs)
        (left,) = cloud.list_leftovers("ci", deadline=10)
        assert (left.kind, left.fleet) == (shown_as, "ci")
        assert left.key in {"", ours.key}
        assert left.resource_id
        cloud.delete_leftover(left.resource_id, deadline=10)
        cloud.delete_leftover(left.resource_id, deadline=10)  # gone already is no error
        assert cloud.list_leftovers("ci", deadline=10) == ()
        (other,) = cloud.list_leftovers("ci-two", deadline=10)
        cloud.delete_leftover(other.resource_id, deadline=10)
    assert len(cloud.list_instances("ci", deadline=10).instances) == 1


@pytest.mark.needs("tidiness")
def test_a_destroyed_instance_leaves_nothing(bench: Bench, cloud: Cloud) -> None:
    made = create(cloud, bench.make_spec())
    cloud.destroy_instance(made.instance_id, deadline=10)
    bench.fake.advance(3600.0)
    assert bench.count_live() == []
    assert cloud.list_leftovers("ci", deadline=10) == ()


@pytest.mark.needs("http")
@pytest.mark.parametrize("after", [False, True])
def test_a_finish_that_was_cut_off_anywhere_is_finished_by_the_next(
    bench: Bench, cloud: Cloud, *, after: bool
) -> None:
    spec = bench.make_spec()
    made = cloud.create_instance(spec, deadline=10)
    since = len(bench.fake.seen)
    cloud.finish(made, spec, deadline=10)
    calls = len(bench.fake.seen) - since
    assert bool(calls) is cloud.finishes
    for number in range(calls):
        spec = bench.make_spec()
        made = cloud.create_instance(spec, deadline=10)
        bench.fake.fail(skip=number, after=after)
        with pytest.raises(CallError):
            cloud.finish(made, spec, deadline=10)
        # Another process knows only what was saved after the create call.
        shown = bench.open().finish(made, spec, deadline=10)
        assert shown.instance_id == made.instance_id
        bench.fake.advance(600.0)
        (found,) = cloud.find_instances(spec.key, deadline=10)
        assert found.meaning is Meaning.RUNNING
        assert found.meaning not in HALTED
        assert bench.user_data_of(made.instance_id) == spec.user_data.encode()
    assert len(bench.count_live()) == 1 + calls
