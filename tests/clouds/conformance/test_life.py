"""A life at a cloud: created, found, listed, shown, destroyed, gone."""

import contextlib
from dataclasses import replace

import pytest

from servers.clouds.base import HALTED, CloudInstance, CreateSpec, Meaning
from servers.clouds.port import Cloud
from servers.outgoing.errors import MissingError
from tests.clouds.benches.base import Bench
from tests.clouds.fakes.wire import Request

pytestmark = pytest.mark.pure


def create(cloud: Cloud, spec: CreateSpec) -> CloudInstance:
    """Create an instance, and finish it where the cloud needs that."""
    made = cloud.create_instance(spec, deadline=10)
    return cloud.finish(made, spec, deadline=10) if cloud.finishes else made


def is_gone(cloud: Cloud, instance_id: str) -> bool:
    """Tell whether a cloud says that an instance is missing, or shows it as gone."""
    try:
        return not cloud.get_instance(instance_id, deadline=10).live
    except MissingError:
        return True


def test_what_is_created_is_found_listed_shown_and_destroyed(
    bench: Bench,
) -> None:
    bench.fake.boot, bench.fake.destroying = 30.0, 20.0
    cloud, spec = bench.open(), bench.make_spec()
    name = bench.name_of(spec)
    made = create(cloud, spec)
    assert made.instance_id
    assert made.raw_status
    assert (made.key, made.fleet, made.name) == (spec.key, "ci", name)
    assert made.meaning is Meaning.BOOTING
    bench.fake.advance(31.0)
    (found,) = cloud.find_instances(spec.key, deadline=10)
    (listed,) = cloud.list_instances("ci", deadline=10).instances
    shown = cloud.get_instance(made.instance_id, deadline=10)
    for each in (found, listed, shown):
        assert each.instance_id == made.instance_id
        assert (each.key, each.fleet, each.name) == (spec.key, "ci", name)
        assert each.meaning is Meaning.RUNNING
        assert each.address
    cloud.destroy_instance(made.instance_id, deadline=10)
    for each in cloud.list_instances("ci", deadline=10).instances:
        assert each.meaning in {Meaning.ENDING, Meaning.GONE}
    bench.fake.advance(21.0)
    assert not any(i.live for i in cloud.list_instances("ci", deadline=10).instances)
    assert not any(i.live for i in cloud.find_instances(spec.key, deadline=10))


def test_what_is_gone_or_never_was_is_not_found(bench: Bench, cloud: Cloud) -> None:
    spec = bench.make_spec()
    made = create(cloud, spec)
    cloud.destroy_instance(made.instance_id, deadline=10)
    # A second destroy is accepted, or finds nothing.
    with contextlib.suppress(MissingError):
        cloud.destroy_instance(made.instance_id, deadline=10)
    bench.fake.advance(3600.0)
    assert is_gone(cloud, made.instance_id)
    for missing in bench.missing:
        with pytest.raises(MissingError):
            cloud.get_instance(missing, deadline=10)
        with pytest.raises(MissingError):
            cloud.destroy_instance(missing, deadline=10)


@pytest.mark.parametrize(
    "odd", ["", ".", "..", "../servers", "a/b", "1?x=1", "1\r\nX: 1"]
)
def test_an_id_that_no_instance_can_have_leads_nowhere(
    bench: Bench, cloud: Cloud, odd: str
) -> None:
    other = create(cloud, bench.make_spec())
    with pytest.raises(MissingError):
        cloud.get_instance(odd, deadline=10)
    with pytest.raises(MissingError):
        cloud.destroy_instance(odd, deadline=10)
    assert cloud.get_instance(other.instance_id, deadline=10).live


def test_an_instance_is_finished_once_however_often_it_is_asked(
    bench: Bench, cloud: Cloud
) -> None:
    spec = bench.make_spec()
    made = cloud.create_instance(spec, deadline=10)
    # The second caller died before it saved the answer, so the third has an old state.
    for seen in (made, made, cloud.finish(made, spec, deadline=10)):
        shown = cloud.finish(seen, spec, deadline=10)
        assert (shown.instance_id, shown.key) == (made.instance_id, spec.key)
        assert shown.meaning not in HALTED
    assert len(bench.count_live()) == 1
    bench.fake.advance(600.0)
    running = cloud.get_instance(made.instance_id, deadline=10)
    assert running.meaning is Meaning.RUNNING
    assert cloud.finish(running, spec, deadline=10) == running


def test_what_is_missing_is_not_finished(bench: Bench, cloud: Cloud) -> None:
    if not cloud.finishes:
        return  # its finish makes no call
    spec = bench.make_spec()
    made = cloud.create_instance(spec, deadline=10)
    for missing in bench.missing:
        with pytest.raises(MissingError):
            cloud.finish(replace(made, instance_id=missing), spec, deadline=10)


def test_a_listing_holds_one_fleet_and_a_key_is_compared_whole(
    bench: Bench, cloud: Cloud
) -> None:
    specs = {fleet: bench.make_spec(fleet=fleet) for fleet in ("ci", "ci-prod", "c")}
    for spec in specs.values():
        create(cloud, spec)
    for fleet, spec in specs.items():
        (listed,) = cloud.list_instances(fleet, deadline=10).instances
        assert (listed.fleet, listed.key) == (fleet, spec.key)
    for other in ("ci*", "", "ci-", "c,ci", "ci==ci"):
        assert cloud.list_instances(other, deadline=10).instances == ()
    key = specs["ci"].key
    for other in (key[:-1], key[1:], "ci-*", "", f"{key},{key}", f"{key}0"):
        assert cloud.find_instances(other, deadline=10) == []


@pytest.mark.needs("visibility")
def test_an_instance_that_is_not_visible_yet_is_found_later(bench: Bench) -> None:
    bench.fake.visibility = 60.0
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=10)
    assert cloud.find_instances(spec.key, deadline=10) == []
    assert cloud.list_instances("ci", deadline=10).instances == ()
    with pytest.raises(MissingError):
        cloud.get_instance(made.instance_id, deadline=10)
    bench.fake.advance(61.0)
    (found,) = cloud.find_instances(spec.key, deadline=10)
    assert found.instance_id == made.instance_id


def test_an_instance_that_vanishes_is_missing_from_a_whole_listing(
    bench: Bench, cloud: Cloud
) -> None:
    made, other = (create(cloud, bench.make_spec()) for _ in range(2))
    bench.vanish(made.instance_id)
    listing = cloud.list_instances("ci", deadline=10)
    assert [i.instance_id for i in listing.instances if i.live] == [other.instance_id]
    assert is_gone(cloud, made.instance_id)


@pytest.mark.needs("thousands")
def test_a_listing_of_more_than_a_thousand_is_whole(bench: Bench, cloud: Cloud) -> None:
    planted = {bench.plant(bench.make_spec()) for _ in range(1005)}
    bench.plant(bench.make_spec(fleet="other"))
    listing = cloud.list_instances("ci", deadline=60)
    assert {each.instance_id for each in listing.instances} == planted
    assert len(listing.instances) == len(planted)


@pytest.mark.needs("http", "thousands")
def test_an_instance_that_ends_while_pages_are_read_hides_no_other(
    bench: Bench, cloud: Cloud
) -> None:
    bench.fake.page = 2
    first, *others = (bench.plant(bench.make_spec()) for _ in range(9))
    pages = 0

    def end_first(request: Request) -> None:
        nonlocal pages
        pages += request.role == "list"
        if pages == 3:
            bench.vanish(first)

    bench.fake.meanwhile = end_first
    listed = cloud.list_instances("ci", deadline=10).instances
    assert pages > 3
    found = {each.instance_id for each in listed}
    assert found - {first} == set(others)
    assert len(found) == len(listed)
