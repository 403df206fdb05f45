"""Compute Engine: in which zone an instance is, and what a list of it shows."""

from typing import Any

import pytest

from servers.clouds.port import Cloud
from servers.outgoing.errors import (
    CredentialsError,
    MissingError,
    RefusedError,
    UnknownOutcomeError,
)
from tests.clouds.benches.google import GoogleBench
from tests.clouds.fakes.google_offers import ZONES
from tests.clouds.fakes.wire import Response
from tests.clouds.google.creating import IN_B, count, create

pytestmark = pytest.mark.pure


def test_zones_are_chosen_by_the_key_evenly_and_by_the_option_alone(
    bench: GoogleBench, cloud: Cloud
) -> None:
    zones: dict[str, int] = {}
    for _ in range(60):
        spec = bench.make_spec()
        made = cloud.create_instance(spec, deadline=10)
        zone = made.instance_id.partition("/")[0]
        zones[zone] = zones.get(zone, 0) + 1
        # Another process chooses the same one.
        assert bench.open().create_instance(spec, deadline=10) == made
    assert set(zones) == {zone for zone in ZONES if zone.startswith("europe-west1-")}
    assert min(zones.values()) > 5
    assert count(bench, "region") == 1
    made, _ = create(bench, options=IN_B)
    assert made.instance_id.startswith("europe-west1-b/")
    with pytest.raises(RefusedError, match="not in the region europe-west1"):
        create(bench, options={"zone": "us-central1-a"})


def test_an_unknown_region_is_refused_in_words(bench: GoogleBench) -> None:
    bench.region = "mars-north1"  # type: ignore[misc]
    with pytest.raises(RefusedError, match="no region mars-north1"):
        create(bench)
    assert count(bench, "create") == 0


@pytest.mark.parametrize(
    "partial",
    [
        {"unreachables": ["projects/project-one/zones/us-central1-a"]},
        {"warning": {"code": "UNREACHABLE", "message": "Zone not reachable."}},
        {"warning": {"code": "PARTIAL_SUCCESS"}},
        {"items": {"zones/europe-west1-b": {"warning": {"code": "UNREACHABLE"}}}},
        {"items": {"zones/europe-west1-b": None}},
        {"items": {"zones/europe-west1-b": {"instances": None}}},
        {"items": {"zones/europe-west1-b": {"instances": [{"id": "1"}]}}},
        {"items": []},
    ],
)
def test_a_part_of_a_list_is_no_listing(
    bench: GoogleBench, cloud: Cloud, partial: dict[str, Any]
) -> None:
    create(bench, options=IN_B)
    cloud.list_instances("ci", deadline=10)
    whole = bench.fake.latest["list"].body
    bench.fake.unchecked = True
    for role, act in (
        ("list", lambda: cloud.list_instances("ci", deadline=10)),
        ("list", lambda: cloud.find_instances("ci-x", deadline=10)),
    ):
        bench.fake.answer(Response(200, {**whole, **partial}), role=role)
        with pytest.raises(UnknownOutcomeError):
            act()


def test_only_the_regions_own_instances_are_listed(bench: GoogleBench) -> None:
    here, _ = create(bench)
    bench.region = "us-central1"  # type: ignore[misc]
    there, _ = create(bench)
    assert there.instance_id.startswith("us-central1-")
    (listed,) = bench.open().list_instances("ci", deadline=10).instances
    assert listed.instance_id == there.instance_id
    with pytest.raises(MissingError):
        bench.open().get_instance(here.instance_id, deadline=10)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({}, "192.0.2."),
        ({"public_ip": False}, "10.132.0."),
        ({"address": "private"}, "10.132.0."),
        ({"ip_stack": "dual", "subnet": "builders", "address": "ipv6"}, "2001:db8::"),
        ({"ip_stack": "ipv6", "subnet": "builders"}, "2001:db8::"),
        ({"ip_stack": "ipv6", "subnet": "builders", "public_ip": False}, "fd20::"),
    ],
)
def test_the_address_is_the_one_that_the_template_asks_for(
    bench: GoogleBench, cloud: Cloud, options: dict[str, Any], wanted: str
) -> None:
    create(bench, options=options)
    (shown,) = cloud.list_instances("ci", deadline=10).instances
    assert shown.address.startswith(wanted)


def test_a_missing_project_is_no_missing_instance(
    bench: GoogleBench, cloud: Cloud
) -> None:
    made, _ = create(bench)
    said = bench.fake.say(404, "notFound", "The resource 'projects/acme' was not found")
    for role, act in (
        ("get", lambda: cloud.get_instance(made.instance_id, deadline=10)),
        ("destroy", lambda: cloud.destroy_instance(made.instance_id, deadline=10)),
        ("list", lambda: cloud.list_instances("ci", deadline=10)),
    ):
        bench.fake.answer(said, role=role)
        with pytest.raises(CredentialsError):
            act()
