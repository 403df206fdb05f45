"""Checks of rights: what EC2 and the sandbox forbid, without anything made or ended."""

from pathlib import Path
from typing import Any

import pytest

from servers.clouds.base import CloudConfig, NoCapacityError, QuotaError
from servers.clouds.port import Cloud
from servers.clouds.registry import open_cloud
from servers.outgoing.errors import (
    CallError,
    CredentialsError,
    RefusedError,
    ThrottledError,
    UnknownOutcomeError,
)
from tests.clouds.test_amazon import SECRETS, answering, error_of, spec_of

pytestmark = pytest.mark.pure

WOULD_WORK = (412, error_of("DryRunOperation"))
IMAGE = (
    "<r><imagesSet><item><imageId>ami-12c6146b</imageId>"
    "<imageState>{}</imageState></item></imagesSet></r>"
)
SIZE = (
    "<r><instanceTypeSet><item><instanceType>t3.micro</instanceType></item>"
    "</instanceTypeSet></r>"
)
ALL_WELL = {
    "RunInstances": WOULD_WORK,
    "DescribeImages": (200, IMAGE.format("available")),
    "DescribeInstanceTypes": (200, SIZE),
    "TerminateInstances": (400, error_of("InvalidInstanceID.NotFound")),
}
DENIED = (403, error_of("UnauthorizedOperation"))


def open_amazon(url: str) -> Cloud:
    return open_cloud("amazon", CloudConfig("a", "eu-central-1", url, SECRETS))


def actions(seen: list[dict[str, Any]]) -> list[tuple[str, bool]]:
    """Return what was asked, and whether dry."""
    return [
        (request["Action"][0], request.get("DryRun") == ["true"]) for request in seen
    ]


def test_a_create_is_checked_by_the_same_call_run_dry() -> None:
    with answering(200, "<r/>", **ALL_WELL) as (url, seen):
        open_amazon(url).check_create(spec_of(ssh_key="ops"), deadline=5)
    assert actions(seen) == [
        ("RunInstances", True),
        ("DescribeImages", False),
        ("DescribeInstanceTypes", False),
    ]
    assert seen[0]["KeyName"] == ["ops"]
    assert seen[0]["TagSpecification.1.ResourceType"] == ["instance"]


def test_look_ups_that_a_policy_does_not_allow_are_not_needed() -> None:
    denied = {**ALL_WELL, "DescribeImages": DENIED, "DescribeInstanceTypes": DENIED}
    with answering(200, "<r/>", **denied) as (url, seen):
        open_amazon(url).check_create(spec_of(), deadline=5)
    assert len(seen) == 3


@pytest.mark.parametrize(
    ("action", "answer", "wanted"),
    [
        ("RunInstances", DENIED, CredentialsError),
        ("RunInstances", (400, error_of("InvalidAMIID.NotFound")), RefusedError),
        ("RunInstances", (400, error_of("InvalidKeyPair.NotFound")), RefusedError),
        ("RunInstances", (400, error_of("VcpuLimitExceeded")), QuotaError),
        ("RunInstances", (400, error_of("Unsupported")), NoCapacityError),
        ("RunInstances", (503, error_of("RequestLimitExceeded")), ThrottledError),
        ("RunInstances", (500, error_of("InternalError")), UnknownOutcomeError),
        ("DescribeImages", (200, "<r><imagesSet/></r>"), RefusedError),
        ("DescribeImages", (200, IMAGE.format("failed")), RefusedError),
        ("DescribeInstanceTypes", (200, "<r/>"), RefusedError),
        (
            "DescribeInstanceTypes",
            (400, error_of("InvalidInstanceType")),
            RefusedError,
        ),
    ],
)
def test_what_forbids_a_create_is_raised_by_its_meaning(
    action: str, answer: tuple[int, str], wanted: type[CallError]
) -> None:
    with (
        answering(200, "<r/>", **{**ALL_WELL, action: answer}) as (url, _),
        pytest.raises(CallError) as raised,
    ):
        open_amazon(url).check_create(spec_of(), deadline=5)
    assert type(raised.value) is wanted


def test_what_an_endpoint_makes_on_a_dry_run_is_ended_and_told() -> None:
    made = (
        "<r><instancesSet><item><instanceId>i-1</instanceId><groupSet><item/>"
        "</groupSet></item></instancesSet></r>"
    )
    with (
        answering(200, "<r/>", RunInstances=(200, made)) as (url, seen),
        pytest.raises(RefusedError, match="created i-1, which was terminated"),
    ):
        open_amazon(url).check_create(spec_of(), deadline=5)
    assert actions(seen) == [("RunInstances", True), ("TerminateInstances", False)]
    assert seen[1]["InstanceId.1"] == ["i-1"]
    with (
        answering(*DENIED, RunInstances=(200, made)) as (url, seen),
        pytest.raises(
            RefusedError,
            match=r"created i-1\. Terminate it there: "
            ".*Unauthorized",
        ),
    ):
        open_amazon(url).check_create(spec_of(), deadline=5)


@pytest.mark.parametrize("answer", [WOULD_WORK, ALL_WELL["TerminateInstances"]])
def test_a_destroy_is_checked_with_an_instance_that_nobody_has(
    answer: tuple[int, str],
) -> None:
    with answering(*answer) as (url, seen):
        open_amazon(url).check_destroy(deadline=5)
        open_amazon(url).check_destroy(deadline=5)
    assert actions(seen) == [("TerminateInstances", True)] * 2
    first, second = (request["InstanceId.1"][0] for request in seen)
    assert first != second
    assert len(first) == len("i-0123456789abcdef0")


@pytest.mark.parametrize(
    ("answer", "wanted"),
    [
        (DENIED, CredentialsError),
        ((503, error_of("RequestLimitExceeded")), ThrottledError),
        ((500, error_of("InternalError")), UnknownOutcomeError),
    ],
)
def test_what_forbids_a_destroy_is_raised_by_its_meaning(
    answer: tuple[int, str], wanted: type[CallError]
) -> None:
    with answering(*answer) as (url, _), pytest.raises(CallError) as raised:
        open_amazon(url).check_destroy(deadline=5)
    assert type(raised.value) is wanted


def test_a_sandbox_denies_what_its_options_say(tmp_path: Path) -> None:
    options = {"latency": 0.0, "denied": ["create", "destroy"]}
    config = CloudConfig("a1", "", options=options, folder=str(tmp_path))
    cloud = open_cloud("sandbox", config)
    spec = spec_of(image="ubuntu-24.04", size="small")
    with pytest.raises(CredentialsError, match="may not create"):
        cloud.check_create(spec, deadline=5)
    with pytest.raises(CredentialsError, match="may not create"):
        cloud.create_instance(spec, deadline=5)
    with pytest.raises(CredentialsError, match="may not destroy"):
        cloud.check_destroy(deadline=5)
    with pytest.raises(CredentialsError, match="may not destroy"):
        cloud.destroy_instance("sb-1", deadline=5)
    assert cloud.list_instances("ci", deadline=5).instances == ()


@pytest.mark.parametrize(
    ("options", "wanted"),
    [({"no_capacity": ["small"]}, NoCapacityError), ({"quota": 1}, QuotaError)],
)
def test_a_sandboxs_check_tells_of_room(
    tmp_path: Path, options: dict[str, Any], wanted: type[CallError]
) -> None:
    plain = {"latency": 0.0, "processing": 0.0, **options}
    config = CloudConfig("a1", "", options=plain, folder=str(tmp_path))
    cloud = open_cloud("sandbox", config)
    if wanted is QuotaError:
        cloud.create_instance(spec_of(image="debian-12", size="small"), deadline=5)
    with pytest.raises(CallError) as raised:
        cloud.check_create(spec_of(image="debian-12", size="small"), deadline=5)
    assert type(raised.value) is wanted
