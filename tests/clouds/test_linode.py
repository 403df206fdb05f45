"""Linode: labels that are keys, tags that many share, and what is not on yet."""

import time
from collections.abc import Iterator
from uuid import uuid4

import pytest

from servers.clouds.base import FLEET_TAG, Meaning
from servers.clouds.capabilities import TagRules
from servers.clouds.linode.adapter import KIND
from servers.clouds.linode.convert import FIRST_BOOT_SECONDS, show_instance
from servers.clouds.linode.launch import build_body, make_label, read_label
from servers.lifecycle.keys import make_key
from servers.outgoing.errors import (
    RefusedError,
    UnknownOutcomeError,
)
from tests.clouds.benches.linode import LinodeBench

pytestmark = pytest.mark.pure


@pytest.fixture
def bench() -> Iterator[LinodeBench]:
    made = LinodeBench()
    with made.run():
        yield made


@pytest.mark.parametrize(
    "fleet", ["c", "ci", "ci-prod", "a--b", "a---b", "a--b--c", "a-b--c-d--e-f-g-"]
)
def test_each_key_has_a_label_of_its_own(fleet: str) -> None:
    key = str(make_key(fleet.rstrip("-"), uuid4(), 12_345_678))
    label = make_label(key)
    assert "--" not in label
    assert label[0].isalpha()
    assert len(label) == len(key) <= 64
    assert read_label(label) == key
    for other in (label.upper(), f"{label}X", label.replace("-", "X", 1), f"X{label}"):
        assert read_label(other) == ""
    if "--" in key:
        assert read_label(key) == ""  # Linode has no such label


def test_a_fleet_with_two_hyphens_finds_its_own(bench: LinodeBench) -> None:
    cloud = bench.open()
    specs = {fleet: bench.make_spec(fleet=fleet) for fleet in ("a--b", "a-b", "a")}
    for spec in specs.values():
        made = cloud.create_instance(spec, deadline=5)
        assert (made.key, made.fleet) == (spec.key, spec.fleet)
    for fleet, spec in specs.items():
        (found,) = cloud.find_instances(spec.key, deadline=5)
        (listed,) = cloud.list_instances(fleet, deadline=5).instances
        assert found == listed
        assert (listed.key, listed.fleet) == (spec.key, fleet)


def test_a_second_linode_of_an_attempt_is_refused_and_looked_for(
    bench: LinodeBench,
) -> None:
    cloud, spec = bench.open(), bench.make_spec()
    made = cloud.create_instance(spec, deadline=5)
    with pytest.raises(UnknownOutcomeError):
        cloud.create_instance(spec, deadline=5)
    (found,) = cloud.find_instances(spec.key, deadline=5)
    assert found.instance_id == made.instance_id


def test_an_instance_without_its_tag_or_its_label_is_still_listed(
    bench: LinodeBench,
) -> None:
    cloud, spec, other = bench.open(), bench.make_spec(), bench.make_spec()
    untagged = cloud.create_instance(spec, deadline=5)
    bench.fake.machines[untagged.instance_id].tags.clear()
    renamed = cloud.create_instance(other, deadline=5)
    bench.fake.machines[renamed.instance_id].name = "do-not-touch"
    third = bench.make_spec()
    retagged = cloud.create_instance(third, deadline=5)
    bench.fake.machines[retagged.instance_id].tags = {f"{FLEET_TAG}:other": ""}
    bench.fake.plant("my-ci-server", {})  # its label only looks alike
    listed = cloud.list_instances("ci", deadline=5).instances
    assert [(each.instance_id, each.key, each.fleet) for each in listed] == [
        (untagged.instance_id, spec.key, "ci"),
        (renamed.instance_id, "", "ci"),
        (retagged.instance_id, third.key, "ci"),
    ]
    assert cloud.list_instances("other", deadline=5).instances == ()
    assert cloud.find_instances(other.key, deadline=5) == []


def test_no_tag_belongs_to_one_linode_alone(bench: LinodeBench) -> None:
    options = {"address": "private", "private_ip": True, "tags": "web, data"}
    first, second = (bench.make_spec(options=options) for _ in range(2))
    bodies = [
        build_body(spec, options, region="eu-central", root_pass="x")
        for spec in (first, second)
    ]
    assert bodies[0]["tags"] == bodies[1]["tags"]
    assert bodies[0]["tags"][0] == f"{FLEET_TAG}:ci"
    made = bench.open().create_instance(first, deadline=5)
    shown = bench.open().get_instance(made.instance_id, deadline=5)
    assert shown.address.startswith("192.168.")


def test_a_name_and_a_value_fit_into_one_tag_or_are_refused(
    bench: LinodeBench,
) -> None:
    rules = KIND.capabilities.tags
    assert isinstance(rules, TagRules)
    for labels in ({"a" * 30: "b" * 19}, {"a": "b"}, {"team": ""}):
        assert rules.check(labels, {}) == ""
        bench.open().create_instance(bench.make_spec(labels=labels), deadline=5)
    since = len(bench.fake.seen)
    for labels in ({"a" * 30: "b" * 20}, {"a": ""}, {"team": "a,b"}):
        assert "can't be used" in rules.check(labels, {})
        with pytest.raises(RefusedError):
            bench.open().create_instance(bench.make_spec(labels=labels), deadline=5)
    assert len(bench.fake.seen) == since


def test_what_is_off_has_not_booted_yet_if_it_is_new(bench: LinodeBench) -> None:
    cloud = bench.open()
    made = cloud.create_instance(bench.make_spec(), deadline=5)
    bench.set_status(made.instance_id, "offline")
    (listed,) = cloud.list_instances("ci", deadline=5).instances
    assert (listed.raw_status, listed.meaning) == ("offline", Meaning.BOOTING)
    bench.fake.advance(FIRST_BOOT_SECONDS)
    (listed,) = cloud.list_instances("ci", deadline=5).instances
    assert listed.meaning is Meaning.STOPPED
    # Whoever stops it otherwise, or does not say when it was created, says so at once.
    now = time.time()
    for odd in ("", "soon", "9999-99-99T00:00:00", "0001-01-01T00:00:00+23:00", None):
        item = {"id": 1, "status": "offline", "created": odd}
        assert show_instance(item, "", now).meaning is Meaning.STOPPED
    item = {"id": 1, "status": "stopped", "created": time.strftime("%Y-%m-%dT%H:%M:%S")}
    assert show_instance(item, "", now).meaning is Meaning.STOPPED
