"""Spot instances of EC2: how they are requested, taken back, and announced."""

import pytest

from servers.clouds.base import CloudConfig, Meaning
from servers.clouds.registry import open_cloud
from tests.clouds.test_amazon import SECRETS, answering, error_of, spec_of

pytestmark = pytest.mark.pure


def describe(*items: str) -> str:
    return (
        "<DescribeInstancesResponse><reservationSet><item>"
        "<ownerId>123456789012</ownerId><instancesSet>"
        + "".join(items)
        + "</instancesSet></item></reservationSet></DescribeInstancesResponse>"
    )


def show(number: int, status: str, *, spot: bool = True, reason: str = "") -> str:
    return (
        f"<item><instanceId>i-{number}</instanceId>"
        f"<instanceState><name>{status}</name></instanceState>"
        + ("<instanceLifecycle>spot</instanceLifecycle>" if spot else "")
        + (
            f"<stateReason><code>{reason}</code><message>{reason}: words</message>"
            "</stateReason>"
            if reason
            else ""
        )
        + "<tagSet><item><key>serverfleet-fleet</key><value>ci</value></item></tagSet>"
        "</item>"
    )


NOTICE = (
    "<DescribeSpotInstanceRequestsResponse><spotInstanceRequestSet><item>"
    "<instanceId>i-1</instanceId><status><code>marked-for-termination</code>"
    "<message>Your Spot instance is marked for termination.</message></status>"
    "</item></spotInstanceRequestSet></DescribeSpotInstanceRequestsResponse>"
)


def test_a_spot_instance_is_one_call_and_ends_when_it_is_taken_back() -> None:
    created = f"<R><instancesSet>{show(1, 'pending')}</instancesSet></R>"
    with answering(200, created) as (url, seen):
        cloud = open_cloud("amazon", CloudConfig("a", "eu-central-1", url, SECRETS))
        spec = spec_of(spot=True, options={"spot_max_price": 0.0425})
        assert not cloud.create_instance(spec, deadline=5).interrupted
    (request,) = seen
    market = {
        name.removeprefix("InstanceMarketOptions."): value
        for name, (value,) in request.items()
        if name.startswith("InstanceMarketOptions.")
    }
    assert market == {
        "MarketType": "spot",
        "SpotOptions.SpotInstanceType": "one-time",
        "SpotOptions.InstanceInterruptionBehavior": "terminate",
        "SpotOptions.MaxPrice": "0.0425",
    }
    # The notice is found by the tag of the spot request.
    assert request["TagSpecification.4.ResourceType"] == ["spot-instances-request"]


def test_a_listing_tells_what_was_taken_back_and_what_will_be() -> None:
    body = describe(
        show(1, "running"),
        show(2, "running"),
        show(3, "shutting-down", reason="Server.SpotInstanceTermination"),
        show(4, "terminated", reason="Client.UserInitiatedShutdown"),
        show(5, "running", spot=False),
    )
    with answering(200, body, DescribeSpotInstanceRequests=(200, NOTICE)) as (
        url,
        seen,
    ):
        cloud = open_cloud("amazon", CloudConfig("a", "eu-central-1", url, SECRETS))
        listing = cloud.list_instances("ci", deadline=5)
    shown = {each.instance_id: each for each in listing.instances}
    assert {name for name, each in shown.items() if each.interrupted} == {"i-1", "i-3"}
    assert shown["i-1"].meaning is Meaning.RUNNING
    assert shown["i-1"].fault == "Your Spot instance is marked for termination."
    assert shown["i-3"].fault == "Server.SpotInstanceTermination: words"
    assert [each["Action"] for each in seen] == [
        ["DescribeInstances"],
        ["DescribeSpotInstanceRequests"],
    ]
    assert seen[1]["Filter.1.Value.1"] == ["ci"]


def test_a_listing_is_complete_without_notices() -> None:
    forbidden = (403, error_of("UnauthorizedOperation"))
    body = describe(show(1, "running"))
    with answering(200, body, DescribeSpotInstanceRequests=forbidden) as (url, seen):
        cloud = open_cloud("amazon", CloudConfig("a", "eu-central-1", url, SECRETS))
        (shown,) = cloud.list_instances("ci", deadline=5).instances
    assert len(seen) == 2
    assert not shown.interrupted


def test_without_spot_instances_a_listing_is_one_call() -> None:
    body = describe(show(1, "running", spot=False), show(2, "terminated"))
    with answering(200, body) as (url, seen):
        cloud = open_cloud("amazon", CloudConfig("a", "eu-central-1", url, SECRETS))
        assert len(cloud.list_instances("ci", deadline=5).instances) == 2
    assert len(seen) == 1
