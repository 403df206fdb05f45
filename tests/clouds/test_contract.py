"""The law of the port, on a sandbox and on EC2's API."""

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import pytest

from servers.clouds.amazon.adapter import Amazon
from servers.clouds.base import (
    FLEET_TAG,
    KEY_TAG,
    CloudConfig,
    CreateSpec,
    InstanceNotFoundError,
    Meaning,
    RefusedError,
)
from servers.clouds.deadline import Deadline
from servers.clouds.port import Cloud
from servers.clouds.registry import describe_kind, open_cloud
from servers.clouds.sandbox.adapter import Sandbox
from servers.lifecycle.keys import make_key
from tests.support.moto import reset_moto
from tests.support.worlds import add_instance

pytestmark = pytest.mark.pure


@pytest.fixture(params=["sandbox", "sandbox of two calls", "amazon"])
def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Cloud]:
    if request.param != "amazon":
        yield open_cloud(
            "sandbox",
            CloudConfig(
                "a1",
                "",
                folder=str(tmp_path),
                options={
                    "boot": 0.1,
                    "processing": 0.0,
                    "latency": 0.0,
                    "destroying": 0.0,
                    "power_on": request.param == "sandbox of two calls",
                },
            ),
        )
        return
    url = request.getfixturevalue("moto_url")
    reset_moto(url)
    yield open_cloud(
        "amazon",
        CloudConfig(
            "a1",
            "eu-central-1",
            url,
            {"access_key_id": "AKIA", "secret_access_key": "made-up"},
        ),
    )


def spec_of(cloud: Cloud, *, fleet: str = "ci", name: str = "agent-1") -> CreateSpec:
    server = uuid4()
    return CreateSpec(
        key=str(make_key(fleet, server, 1)),
        token=uuid4().hex,
        fleet=fleet,
        server_id=server.hex,
        name=name,
        image="ubuntu-24.04" if cloud.provider == "sandbox" else "ami-12c6146b",
        size="small" if cloud.provider == "sandbox" else "t3.micro",
        user_data="#!/bin/sh\n",
        labels={"team": "builds"},
    )


def test_what_is_created_is_found_listed_shown_and_ended(cloud: Cloud) -> None:
    spec = spec_of(cloud)
    made = cloud.create_instance(spec, deadline=10)
    if cloud.finishes:
        made = cloud.finish(made, spec, deadline=10)
    assert made.instance_id
    assert made.live
    assert (made.key, made.fleet, made.name) == (spec.key, "ci", "agent-1")
    assert made.raw_status
    (found,) = cloud.find_instances(spec.key, deadline=10)
    assert found.instance_id == made.instance_id
    (listed,) = cloud.list_instances("ci", deadline=10).instances
    assert listed.key == spec.key
    time.sleep(0.2)
    shown = cloud.get_instance(made.instance_id, deadline=10)
    assert shown.address
    cloud.destroy_instance(made.instance_id, deadline=10)
    # Listed for a while, but no longer live.
    ended = cloud.list_instances("ci", deadline=10).instances
    assert [instance.live for instance in ended] == [False]


def test_an_instance_is_finished_once_however_often_it_is_asked(cloud: Cloud) -> None:
    spec = spec_of(cloud)
    made = cloud.create_instance(spec, deadline=10)
    assert (made.meaning is Meaning.STOPPED) is cloud.finishes
    # The second caller died before it saved the answer, so the third has an old state.
    for seen in (made, made, cloud.finish(made, spec, deadline=10)):
        shown = cloud.finish(seen, spec, deadline=10)
        assert (shown.instance_id, shown.key) == (made.instance_id, spec.key)
        assert shown.meaning in {Meaning.BOOTING, Meaning.RUNNING}
    (listed,) = cloud.list_instances("ci", deadline=10).instances
    assert listed.instance_id == made.instance_id
    time.sleep(0.2)
    running = cloud.get_instance(made.instance_id, deadline=10)
    assert running.meaning is Meaning.RUNNING
    assert cloud.finish(running, spec, deadline=10) == running


def test_what_is_gone_is_not_finished(cloud: Cloud) -> None:
    if not cloud.finishes:
        return  # its finish makes no call
    spec = spec_of(cloud)
    made = cloud.create_instance(spec, deadline=10)
    with pytest.raises(InstanceNotFoundError):
        cloud.finish(replace(made, instance_id="sb-0"), spec, deadline=10)


def test_a_fleets_listing_holds_no_other_fleets_instances(cloud: Cloud) -> None:
    for fleet in ("ci", "ci-prod", "c"):
        cloud.create_instance(spec_of(cloud, fleet=fleet), deadline=10)
    assert [i.fleet for i in cloud.list_instances("ci", deadline=10).instances] == [
        "ci"
    ]
    assert cloud.list_instances("ci*", deadline=10).instances == ()


def test_a_key_is_compared_whole(cloud: Cloud) -> None:
    spec = spec_of(cloud)
    cloud.create_instance(spec, deadline=10)
    assert cloud.find_instances(spec.key[:-1], deadline=10) == []
    assert cloud.find_instances("ci-*", deadline=10) == []


def test_a_missing_instance_is_said_to_be_missing(cloud: Cloud) -> None:
    missing = "i-0123456789abcdef0"
    with pytest.raises(InstanceNotFoundError):
        cloud.get_instance(missing, deadline=10)
    with pytest.raises(InstanceNotFoundError):
        cloud.destroy_instance(missing, deadline=10)


def test_a_check_makes_nothing_and_ends_nothing(cloud: Cloud) -> None:
    made = cloud.create_instance(spec_of(cloud), deadline=10)
    asked = spec_of(cloud, name="agent-2")
    cloud.check_create(asked, deadline=10)
    cloud.check_destroy(deadline=10)
    (listed,) = cloud.list_instances("ci", deadline=10).instances
    assert (listed.instance_id, listed.live) == (made.instance_id, True)
    assert cloud.find_instances(asked.key, deadline=10) == []
    # A check does not use the token up.
    assert cloud.create_instance(asked, deadline=10).key == asked.key


def test_what_a_kind_says_it_can_do_it_can(cloud: Cloud) -> None:
    can = describe_kind(cloud.provider).capabilities
    assert can.finds_by_key
    assert can.dry_run
    spec, other = spec_of(cloud), spec_of(cloud, name="agent-2")
    cloud.create_instance(spec, deadline=10)
    made = cloud.create_instance(other, deadline=10)
    (found,) = cloud.find_instances(other.key, deadline=10)
    assert found.instance_id == made.instance_id
    with pytest.raises(RefusedError):
        cloud.check_create(replace(spec, size="t3.colossal"), deadline=10)


@pytest.mark.parametrize(
    ("field", "wrong"), [("image", "ami-00000000000000001"), ("size", "t3.colossal")]
)
def test_a_check_names_the_image_or_size_that_does_not_exist(
    cloud: Cloud, field: str, wrong: str
) -> None:
    spec = spec_of(cloud)
    spec = replace(spec, image=wrong) if field == "image" else replace(spec, size=wrong)
    with pytest.raises(RefusedError) as raised:
        cloud.check_create(spec, deadline=10)
    assert type(raised.value) is RefusedError
    assert wrong in raised.value.message
    assert cloud.list_instances("ci", deadline=10).instances == ()


def test_the_identity_is_the_same_each_time(cloud: Cloud) -> None:
    first = cloud.fetch_identity(deadline=10)
    assert first
    assert cloud.fetch_identity(deadline=10) == first
    cloud.create_instance(spec_of(cloud), deadline=10)
    assert cloud.list_instances("ci", deadline=10).identity == first


def test_the_catalogue_names_what_a_create_takes(cloud: Cloud) -> None:
    assert describe_kind(cloud.provider).capabilities.catalogue
    offered = cloud.catalogue(deadline=30)
    assert offered.gaps == ()
    sizes = [size.name for size in offered.sizes]
    images = [image.image_id for image in offered.images]
    assert images
    assert len(set(sizes)) == len(sizes)
    spec = spec_of(cloud)
    assert spec.size in sizes
    made = cloud.create_instance(replace(spec, image=images[0]), deadline=10)
    assert made.live
    if cloud.provider == "amazon":
        assert "eu-central-1" in offered.regions
        (small,) = [size for size in offered.sizes if size.name == "t3.micro"]
        assert (small.cores, small.memory_mib) == (2, 1024)


def leave_volume(cloud: Cloud, tags: dict[str, str]) -> str:
    """Have a volume with these tags lie about, as an ended instance may leave it."""
    if isinstance(cloud, Sandbox):
        world = cloud._driver.world
        name = add_instance(world, region="", tags=tags, now=0.0)
        (row,) = world.select("id = ?", (name,))
        with world.writing() as file:
            world.leave_volume(file, row, 0.0)
        return f"vol-{name}"
    assert isinstance(cloud, Amazon)
    params = {
        "Action": "CreateVolume",
        "Size": "8",
        "AvailabilityZone": "eu-central-1a",
        "TagSpecification.1.ResourceType": "volume",
    }
    for number, (name, value) in enumerate(tags.items(), start=1):
        params[f"TagSpecification.1.Tag.{number}.Key"] = name
        params[f"TagSpecification.1.Tag.{number}.Value"] = value
    with Deadline(10, "EC2"):
        return cloud._call(params).findtext("volumeId") or ""


def test_what_was_left_behind_is_listed_of_one_fleet_alone_and_deleted(
    cloud: Cloud,
) -> None:
    cloud.create_instance(spec_of(cloud), deadline=10)  # its own is in use
    key = str(make_key("ci", uuid4(), 1))
    ours = leave_volume(cloud, {FLEET_TAG: "ci", KEY_TAG: key})
    theirs = leave_volume(cloud, {FLEET_TAG: "ci-two", KEY_TAG: key})
    (left,) = cloud.list_leftovers("ci", deadline=10)
    assert (left.resource_id, left.kind, left.key) == (ours, "volume", key)
    cloud.delete_leftover(ours, deadline=10)
    cloud.delete_leftover(ours, deadline=10)  # gone already is no error
    assert cloud.list_leftovers("ci", deadline=10) == ()
    (left,) = cloud.list_leftovers("ci-two", deadline=10)
    assert left.resource_id == theirs
