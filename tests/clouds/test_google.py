"""Compute Engine: what ends late, what Google takes back, and what is not whole."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from servers.clouds import google
from servers.clouds.base import (
    CloudInstance,
    CreateSpec,
    Meaning,
    NoCapacityError,
    QuotaError,
    UnfinishedError,
)
from servers.clouds.catalogue import ImageQuery
from servers.clouds.google.errors import MEANINGS, find_meaning
from servers.clouds.google.options import OPTIONS
from servers.clouds.port import Cloud, FindsImages, TellsQuotas
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    MissingError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.clouds.benches.google import GoogleBench
from tests.clouds.fakes.google_offers import ZONES
from tests.clouds.fakes.google_show import show_operation
from tests.clouds.fakes.wire import Response

pytestmark = pytest.mark.pure

UBUNTU = "projects/ubuntu-os-cloud/global/images"
IN_B = {"zone": "europe-west1-b"}


@pytest.fixture
def bench() -> Iterator[GoogleBench]:
    made = GoogleBench()
    with made.run():
        yield made


@pytest.fixture
def cloud(bench: GoogleBench) -> Cloud:
    return bench.open()


def create(bench: GoogleBench, **changes: Any) -> tuple[CloudInstance, CreateSpec]:
    spec = bench.make_spec(**changes)
    return bench.open().create_instance(spec, deadline=10), spec


def count(bench: GoogleBench, role: str) -> int:
    return [each.role for each in bench.fake.seen].count(role)


def test_a_finish_waits_until_the_instance_has_its_resources_and_asks_no_more(
    bench: GoogleBench, cloud: Cloud
) -> None:
    bench.fake.placing, bench.fake.boot = 20.0, 40.0
    made, spec = create(bench)
    (shown,) = cloud.list_instances("ci", deadline=10).instances
    assert shown.raw_status == made.raw_status == "PROVISIONING"
    for _ in range(2):
        with pytest.raises(UnfinishedError, match="looking for capacity") as raised:
            cloud.finish(made, spec, deadline=10)
        assert raised.value.retry_after == 10.0
    bench.fake.advance(21.0)
    assert cloud.finish(made, spec, deadline=10) == made
    (shown,) = cloud.list_instances("ci", deadline=10).instances
    assert shown.raw_status == "STAGING"
    looks = count(bench, "operations")
    assert cloud.finish(shown, spec, deadline=10) == shown
    assert count(bench, "operations") == looks


def test_a_lack_of_capacity_shows_after_the_answer_and_is_told_by_a_finish(
    bench: GoogleBench, cloud: Cloud
) -> None:
    bench.fake.no_capacity, bench.fake.placing = 1, 30.0
    made, spec = create(bench)
    with pytest.raises(UnfinishedError):
        cloud.finish(made, spec, deadline=10)
    # It is shown for a while before.
    assert cloud.list_instances("ci", deadline=10).instances
    bench.fake.advance(31.0)
    assert cloud.list_instances("ci", deadline=10).instances == ()
    with pytest.raises(NoCapacityError, match="does not have enough resources"):
        cloud.finish(made, spec, deadline=10)


@pytest.mark.parametrize(
    ("code", "status", "message", "wanted"),
    [
        ("QUOTA_EXCEEDED", 403, "Quota 'CPUS' exceeded.", QuotaError),
        ("", 403, "Quota 'CPUS' exceeded. Limit: 24.0", QuotaError),
        ("ZONE_RESOURCE_POOL_EXHAUSTED_WITH_DETAILS", 503, "…", NoCapacityError),
        ("IP_SPACE_EXHAUSTED", 400, "No free address.", NoCapacityError),
        ("RESOURCE_NOT_FOUND", 404, "The resource 'x/y' was not found", RefusedError),
        ("PERMISSIONS_ERROR", 403, "Required permission", CredentialsError),
        ("INVALID_USAGE", 400, "Bad", RefusedError),
    ],
)
def test_an_operation_that_failed_is_told_by_its_meaning(
    bench: GoogleBench,
    cloud: Cloud,
    code: str,
    status: int,
    message: str,
    wanted: type[CallError],
) -> None:
    bench.fake.no_capacity = 1
    made, spec = create(bench)
    operation = bench.fake.operations[-1]
    error = {"code": code, "message": message} if code else {"message": message}
    operation |= {"errors": [error], "status": status}
    with pytest.raises(CallError) as raised:
        cloud.finish(made, spec, deadline=10)
    assert type(raised.value) is wanted


def test_a_failure_that_may_pass_fails_the_instance_and_not_its_placement(
    bench: GoogleBench, cloud: Cloud
) -> None:
    bench.fake.no_capacity = 1
    made, spec = create(bench)
    error = {"code": "INTERNAL_ERROR", "message": "Internal error."}
    bench.fake.operations[-1] |= {"errors": [error], "status": 500}
    failed = cloud.finish(made, spec, deadline=10)
    assert failed == replace(made, meaning=Meaning.FAILED, fault=failed.fault)
    assert "INTERNAL_ERROR" in failed.fault


def test_an_instance_that_stopped_before_it_was_ready_has_failed(
    bench: GoogleBench, cloud: Cloud
) -> None:
    made, spec = create(bench)
    bench.set_status(made.instance_id, "TERMINATED")
    (shown,) = cloud.list_instances("ci", deadline=10).instances
    failed = cloud.finish(shown, spec, deadline=10)
    assert (failed.meaning, failed.raw_status) == (Meaning.FAILED, "TERMINATED")
    assert "stopped" in failed.fault


def test_an_instance_is_not_given_up_because_operations_may_not_be_listed(
    bench: GoogleBench, cloud: Cloud
) -> None:
    made, spec = create(bench)
    bench.fake.forbidden["token-one"] = {"operations"}
    assert cloud.finish(made, spec, deadline=10) == made
    missing = bench.make_spec()
    assert cloud.find_instances(missing.key, deadline=10) == []
    with pytest.raises(MissingError):
        cloud.get_instance(f"europe-west1-b/{missing.key}", deadline=10)


def test_an_unanswered_insert_that_failed_is_found_as_a_failed_instance(
    bench: GoogleBench, cloud: Cloud
) -> None:
    bench.fake.no_capacity = 1
    bench.fake.hang(role="create", after=True)
    spec = bench.make_spec()
    cloud.list_instances("ci", deadline=10)  # has a token
    with pytest.raises(UnknownOutcomeError):
        bench.open(**IN_B).create_instance(spec, deadline=0.5)
    assert cloud.list_instances("ci", deadline=10).instances == ()
    (found,) = cloud.find_instances(spec.key, deadline=10)
    assert (found.key, found.fleet) == (spec.key, "ci")
    assert found.meaning is Meaning.FAILED
    assert "POOL_EXHAUSTED" in found.fault
    assert found.instance_id == f"europe-west1-b/{spec.key}"
    with pytest.raises(MissingError):
        cloud.destroy_instance(found.instance_id, deadline=10)


def test_a_second_insert_of_a_name_does_not_fail_the_first(
    bench: GoogleBench, cloud: Cloud
) -> None:
    bench.fake.visibility = 60.0
    made, spec = create(bench, options=IN_B)
    machine = bench.fake.machines[made.instance_id]
    now = bench.fake.now
    error = {"code": "RESOURCE_ALREADY_EXISTS", "message": "It already exists."}
    twin = bench.fake.add_operation(
        machine, "insert", asked=now, done=now, errors=[error]
    )
    bench.fake.operations.insert(0, twin)
    assert cloud.find_instances(spec.key, deadline=10) == []
    assert cloud.finish(made, spec, deadline=10) == made


def test_the_same_request_twice_creates_one_instance(
    bench: GoogleBench, cloud: Cloud
) -> None:
    spec = bench.make_spec()
    first = cloud.create_instance(spec, deadline=10)
    assert cloud.create_instance(spec, deadline=10) == first
    assert len(bench.count_live()) == 1
    # Another request with its name: whose it is, only a look can tell.
    with pytest.raises(UnknownOutcomeError, match="alreadyExists"):
        cloud.create_instance(replace(spec, token="other"), deadline=10)
    assert len(bench.count_live()) == 1


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


def test_a_spot_instance_is_created_to_be_deleted_and_told_when_it_is_taken_back(
    bench: GoogleBench, cloud: Cloud
) -> None:
    made, _ = create(bench, spot=True, options=IN_B)
    other, _ = create(bench, spot=True, options=IN_B)
    scheduling = bench.fake.machines[made.instance_id].body["scheduling"]
    assert scheduling["provisioningModel"] == "SPOT"
    assert scheduling["instanceTerminationAction"] == "DELETE"
    listed = cloud.list_instances("ci", deadline=10).instances
    assert not any(each.interrupted for each in listed)
    assert count(bench, "operations") == 0
    bench.fake.take_back(bench.fake.machines[made.instance_id])
    # The other one is destroyed by us, which looks the same in a listing.
    bench.fake.destroying = 60.0
    cloud.destroy_instance(other.instance_id, deadline=10)
    shown = {
        each.instance_id: each
        for each in cloud.list_instances("ci", deadline=10).instances
    }
    taken, ours = shown[made.instance_id], shown[other.instance_id]
    assert (taken.raw_status, ours.raw_status) == ("STOPPING", "STOPPING")
    assert (taken.interrupted, ours.interrupted) == (True, False)
    assert taken.fault == "Google took the spot instance back."
    assert count(bench, "operations") == 1
    assert cloud.get_instance(made.instance_id, deadline=10).interrupted
    # Once it is gone, too: a listing may have missed its end.
    bench.fake.advance(31.0)
    gone = cloud.get_instance(made.instance_id, deadline=10)
    assert (gone.meaning, gone.interrupted) == (Meaning.GONE, True)
    bench.fake.advance(60.0)
    with pytest.raises(MissingError):
        cloud.get_instance(other.instance_id, deadline=10)


def test_a_listing_counts_without_what_tells_of_spot_instances(
    bench: GoogleBench, cloud: Cloud
) -> None:
    made, _ = create(bench, spot=True, options=IN_B)
    bench.fake.take_back(bench.fake.machines[made.instance_id])
    bench.fake.fail(5, role="operations")
    (shown,) = cloud.list_instances("ci", deadline=10).instances
    assert not shown.interrupted


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


def test_each_option_is_in_the_words_of_the_api(
    bench: GoogleBench, cloud: Cloud
) -> None:
    # Where its description is at hand, the bench holds the calls to it.
    everything = {
        **IN_B,
        "network": "builds",
        "subnet": "builders",
        "network_tags": "builders",
        "ip_stack": "dual",
        "public_ip": True,
        "network_tier": "PREMIUM",
        "address": "ipv6",
        "disk_gib": 50,
        "disk_type": "hyperdisk-balanced",
        "disk_iops": 3000,
        "disk_throughput": 140,
        "disk_kms_key": "projects/p/locations/l/keyRings/r/cryptoKeys/k",
        "service_account": "builders@acme.iam.gserviceaccount.com",
        "scopes": "logging.write",
        "reservation": "builders",
        "nested_virtualization": True,
        "secure_boot": True,
        "block_project_keys": True,
    }
    assert set(everything) == {field.name for field in OPTIONS}
    key = "ubuntu:ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI ops"
    create(bench, options=everything, ssh_key=key, spot=True)
    assert cloud.check_create(bench.make_spec(options=everything), deadline=10) == ()
    create(bench, options={"reservation": "none", "ip_stack": "ipv6", "subnet": "b"})


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


def test_the_rights_that_are_missing_are_named(
    bench: GoogleBench, cloud: Cloud
) -> None:
    bench.fake.denied = {"compute.disks.create", "compute.zoneOperations.list"}
    with pytest.raises(CredentialsError, match=r"lack .*disks\.create.*Operations"):
        cloud.check_create(bench.make_spec(), deadline=10)
    # Where that can't be asked, the rest is still looked up.
    bench.fake.forbidden["token-one"] = {"rights"}
    (untested,) = cloud.check_create(bench.make_spec(), deadline=10)
    assert "was not tested" in untested


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"options": {"network": "nowhere"}}, "no network global/networks/nowhere"),
        ({"options": {"subnet": "nowhere"}}, "no subnet .*subnetworks/nowhere"),
        (
            {"image": "builders-7", "options": {"disk_gib": 20}},
            "needs a root disk of 50",
        ),
        (
            {"image": f"{UBUNTU}/ubuntu-2004-focal-v20250101"},
            "is OBSOLETE",
        ),
        ({"image": "family/none"}, "no image global/images/family/none"),
    ],
)
def test_what_an_insert_refers_to_is_looked_up(
    bench: GoogleBench, cloud: Cloud, changes: dict[str, Any], words: str
) -> None:
    with pytest.raises(RefusedError, match=words):
        cloud.check_create(bench.make_spec(**changes), deadline=10)


def test_images_are_found_by_rule_and_by_the_id_that_a_template_has(
    cloud: Cloud,
) -> None:
    assert isinstance(cloud, FindsImages)
    rule = ImageQuery(owner="ubuntu-os-cloud", pattern="ubuntu-2404-*")
    found = cloud.find_images(rule, deadline=10)
    newest = max(found, key=lambda each: each.created)
    path = "projects/ubuntu-os-cloud/global/images/"
    assert newest.image_id == f"{path}ubuntu-2404-noble-amd64-v20261101"
    assert {each.owner for each in found} == {"ubuntu-os-cloud"}
    ids = (
        f"{path}family/ubuntu-2404-lts-amd64",
        "builders-7",
        "family/builders",
        f"{path}ubuntu-2404-noble-amd64-v20261020",  # deprecated, which works
        f"{path}ubuntu-2004-focal-v20250101",  # obsolete
        "builders-6",
        "no image at all",
    )
    known = cloud.find_images(ImageQuery(ids=ids), deadline=10)
    assert [each.image_id for each in known] == list(ids[:4])
    assert [each.owner for each in known[:2]] == ["ubuntu-os-cloud", "project-one"]
    for pattern in ("UBUNTU*", "a b", "(x)", "no-such-*"):
        rule = ImageQuery(owner="ubuntu-os-cloud", pattern=pattern)
        assert cloud.find_images(rule, deadline=10) == ()


def test_the_scarcest_quotas_come_first(cloud: Cloud) -> None:
    assert isinstance(cloud, TellsQuotas)
    quotas = cloud.list_quotas(deadline=10)
    assert [(each.name, each.limit, each.used, each.unit) for each in quotas] == [
        ("CPUS_ALL_REGIONS", 32.0, 28.0, "vCPUs"),
        ("CPUS", 24.0, 20.0, "vCPUs"),
        ("IN_USE_ADDRESSES", 8.0, 1.0, "addresses"),
        ("INSTANCES", 2000.0, 4.0, "instances"),
    ]


@pytest.mark.parametrize(
    ("status", "reasons", "message", "wanted"),
    [
        (403, ["rateLimitExceeded"], "Quota exceeded for quota group", ThrottledError),
        (403, ["quotaExceeded"], "Quota 'CPUS' exceeded", QuotaError),
        (403, ["forbidden"], "Required 'compute.x' permission", CredentialsError),
        (403, ["somethingNew"], "No", CredentialsError),
        (401, [], "Login Required", CredentialsError),
        (412, ["conditionNotMet"], "Constraint violated", RefusedError),
        (
            404,
            ["notFound"],
            "The resource 'projects/p/zones/z/instances/i' was not found",
            MissingError,
        ),
        (409, ["alreadyExists"], "exists", UnknownOutcomeError),
        (409, ["somethingNew"], "?", UnknownOutcomeError),
        (408, [], "?", UnknownOutcomeError),
        (429, ["somethingNew"], "?", ThrottledError),
        (500, ["internalError"], "?", UnknownOutcomeError),
        (0, [], "", UnknownOutcomeError),
        (503, ["NEW_RESOURCE_POOL_EXHAUSTED"], "?", NoCapacityError),
    ],
)
def test_reasons_have_their_meanings(
    status: int, reasons: list[str], message: str, wanted: type[CallError]
) -> None:
    assert find_meaning(status, reasons, message) is wanted


def test_each_reason_has_one_meaning() -> None:
    reasons = [reason for each in MEANINGS.values() for reason in each]
    assert len(reasons) == len(set(reasons))


def test_the_guide_page_names_each_reason_with_its_meaning() -> None:
    page = (Path(google.__file__).parent / "guide.md").read_text("utf-8")
    table = page.partition("## What an error means")[2].partition("\n## ")[0]
    named = {
        line.split("|")[1].strip(): line.split("|")[2]
        for line in table.splitlines()
        if line.startswith("| ")
    }
    words = {
        ThrottledError: "throttled",
        NoCapacityError: "no capacity",
        QuotaError: "quota",
        CredentialsError: "credentials",
        UnknownOutcomeError: "unknown outcome",
        MissingError: "gone",
    }
    for meaning, reasons in MEANINGS.items():
        for reason in reasons:
            assert f"`{reason}`" in named[words[meaning]]


def test_an_operation_of_another_instance_is_not_taken_for_this_one(
    bench: GoogleBench, cloud: Cloud
) -> None:
    bench.fake.no_capacity = 1
    failed, _ = create(bench, options=IN_B)
    shown = show_operation(bench.fake.operations[-1], bench.fake.now)
    made, spec = create(bench, options=IN_B)
    # A cloud that ignores the filter.
    answer = {"kind": "compute#operationList", "id": "x", "items": [shown]}
    bench.fake.answer(Response(200, answer), role="operations")
    with pytest.raises(MissingError):
        cloud.finish(made, spec, deadline=10)
    assert failed.instance_id != made.instance_id
