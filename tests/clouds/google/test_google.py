"""Compute Engine: what ends late, and what Google takes back."""

from dataclasses import replace

import pytest

from servers.clouds.base import (
    Meaning,
    NoCapacityError,
    QuotaError,
    UnfinishedError,
)
from servers.clouds.port import Cloud
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    MissingError,
    RefusedError,
    UnknownOutcomeError,
)
from tests.clouds.benches.google import GoogleBench
from tests.clouds.fakes.google_show import show_operation
from tests.clouds.fakes.wire import Response
from tests.clouds.google.creating import IN_B, count, create

pytestmark = pytest.mark.pure


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
