"""Answers that Compute Engine itself gave, and what each one means.

They are no part of this repository: CLOUD_MATERIAL names the folder that holds them.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from servers.clouds.base import CreateSpec, Meaning, NoCapacityError
from servers.clouds.google.convert import (
    is_spot,
    may_be_taken,
    read_insert,
    show_address,
    show_disk,
    show_instance,
)
from servers.clouds.google.errors import explain, explain_operation
from servers.clouds.google.offers import read_quotas
from servers.clouds.google.operations import find_insert
from servers.outgoing.errors import CallError, MissingError
from servers.outgoing.http import Answer
from servers.outgoing.reading import parse_json
from servers.outgoing.reply import Reply
from tests.clouds.benches.google import GoogleBench
from tests.clouds.fakes.specs.material import load_json, need_material
from tests.clouds.fakes.wire import Response

pytestmark = pytest.mark.pure


def load(name: str) -> list[dict[str, Any]]:
    """Return a recording's interactions."""
    path = need_material("google") / "recordings" / f"{name}.json"
    found: list[dict[str, Any]] = load_json(path)["interactions"]
    return found


def find_bodies(name: str, path_end: str, method: str = "GET") -> list[Any]:
    """Return the answers to requests whose path ends so."""
    return [
        each["response"]["body"]
        for each in load(name)
        if each["request"]["method"] == method
        and each["request"]["path"].endswith(path_end)
        and each["response"]["status"] == 200
    ]


def explain_recorded(response: dict[str, Any]) -> CallError | None:
    body = Response(0, response["body"]).bytes
    answer = Answer(response["status"], "", response.get("headers") or {}, body)
    return explain(Reply("Google", answer, parse_json(body)))


@pytest.fixture
def bench() -> Iterator[GoogleBench]:
    made = GoogleBench()
    with made.run():
        yield made


def test_a_list_of_all_zones_is_read_and_belongs_to_no_fleet(
    bench: GoogleBench,
) -> None:
    (body,) = find_bodies("aggregated-instances", "/aggregated/instances")
    bench.region = "us-central1"  # type: ignore[misc]
    bench.fake.answer(Response(200, body), role="list")
    listing = bench.open().list_instances("ci", deadline=10)
    assert (listing.instances, listing.identity) == ((), "acme-project")
    shown = {
        item["name"]: (item, show_instance(item, "", scope=scope))
        for scope, part in body["items"].items()
        for item in part.get("instances", ())
    }
    item, runs = shown["instance-group-1-gvej"]
    assert runs.instance_id == "us-central1-a/instance-group-1-gvej"
    assert (runs.raw_status, runs.meaning) == ("RUNNING", Meaning.RUNNING)
    assert (runs.address, runs.fleet, runs.key) == ("192.0.2.4", "", "")
    assert show_instance(item, "private").address == "10.128.0.3"
    # It was taken back, and is stopped: its disk is still billed.
    item, taken = shown["preemptible"]
    assert (taken.raw_status, taken.meaning) == ("TERMINATED", Meaning.STOPPED)
    assert taken.live
    assert taken.address == ""
    assert is_spot(item)
    assert may_be_taken(item)


def test_disks_in_use_are_no_leftovers_and_others_are_named() -> None:
    (disks,) = find_bodies("aggregated-disks-addresses", "/aggregated/disks")
    left = [
        show_disk(item, scope=scope)
        for scope, part in disks["items"].items()
        for item in part.get("disks", ())
    ]
    assert [each.resource_id for each in left if each] == ["disk/us-central1-a/disk-1"]
    assert [each.detail for each in left if each] == ["20 GiB"]
    (addresses,) = find_bodies("aggregated-disks-addresses", "/aggregated/addresses")
    left = [
        show_address(item, scope=scope)
        for scope, part in addresses["items"].items()
        for item in part.get("addresses", ())
    ]
    (only,) = [each for each in left if each]
    assert only.resource_id == "address/asia-east1/test-new-lb-ip"
    assert (only.detail, only.fleet) == ("192.0.2.17", "")


def test_an_insert_is_answered_with_what_it_is_about_to_create() -> None:
    (operation,) = find_bodies("instance-life", "/instances", "POST")
    spec = CreateSpec("ci-key", "t", "ci", "0" * 32, "agent-1", "image", "size")
    made = read_insert(operation, spec, "us-west1-a")
    assert made.instance_id == "us-west1-a/${instanceID}"
    assert (made.key, made.fleet, made.meaning) == ("ci-key", "ci", Meaning.BOOTING)


def test_an_operation_that_ran_out_of_capacity_says_so() -> None:
    operation, missing = (
        each["response"] for each in load("quoted-stockout-operation")
    )
    assert find_insert([operation["body"]]) == operation["body"]
    error = explain_operation(operation["body"])
    assert type(error) is NoCapacityError
    assert "does not have enough resources" in error.message
    # What a client quoted of the 404 that followed.
    assert type(explain_recorded(missing)) is MissingError


def test_every_operation_without_an_error_failed_in_nothing() -> None:
    operations = [
        each["response"]["body"]
        for name in ("instance-life", "address")
        for each in load(name)
        if isinstance(each["response"]["body"], dict)
        and each["response"]["body"].get("kind") == "compute#operation"
    ]
    assert len(operations) > 10
    assert not [each for each in operations if explain_operation(each)]


def test_every_recorded_404_is_of_a_resource_that_is_missing() -> None:
    missing = [
        each["response"]
        for name in ("instance-life", "address")
        for each in load(name)
        if each["response"]["status"] == 404
    ]
    assert missing
    for response in missing:
        assert type(explain_recorded(response)) is MissingError


def test_a_life_shows_each_status_and_no_address_that_is_only_a_path() -> None:
    shown = [
        show_instance(body, "")
        for body in find_bodies("instance-life", "/instances/${instanceID}")
    ]
    assert [each.raw_status for each in shown] == ["RUNNING", "TERMINATED"]
    assert {each.address for each in shown} == {""}


def test_a_projects_quotas_are_read_by_what_is_scarce() -> None:
    (project,) = find_bodies("project-quotas", "/projects/acme-project")
    (only,) = read_quotas(project, {})
    assert (only.name, only.limit, only.used) == ("IN_USE_ADDRESSES", 23.0, 4.0)


def test_the_samples_of_another_client_are_read() -> None:
    path = need_material("google") / "recordings" / "libcloud-fixtures.json"
    samples = load_json(path)["samples"]
    insert = samples["gce/zones_us-central1-a_instances_post.json"]
    spec = CreateSpec("ci-key", "t", "ci", "0" * 32, "agent-1", "image", "size")
    assert read_insert(insert, spec, "us-central1-a").instance_id.startswith(
        "us-central1-a/"
    )
    shown = show_instance(
        samples["gce/zones_us-central1-a_instances_node-name.json"], ""
    )
    assert shown.instance_id == "us-central1-a/node-name"
    assert shown.meaning is Meaning.RUNNING
    assert shown.address
