"""Which of an instance's addresses is its server's, and where EC2 itself is."""

from typing import Any

import pytest

from servers.clouds.base import CloudConfig
from servers.clouds.registry import open_cloud, validate_config
from tests.clouds.test_amazon import SECRETS, answering, spec_of

pytestmark = pytest.mark.pure

PUBLIC, PRIVATE, IPV6 = "203.0.113.5", "10.0.0.5", "2001:db8::5"
ALL = f"<ipAddress>{PUBLIC}</ipAddress><privateIpAddress>{PRIVATE}</privateIpAddress>"
ON_INTERFACE = (
    "<networkInterfaceSet><item><ipv6AddressesSet><item><ipv6Address>"
    f"{IPV6}</ipv6Address></item></ipv6AddressesSet></item></networkInterfaceSet>"
)


def describe(addresses: str, *, tag: str = "") -> str:
    tags = "".join(
        f"<item><key>{name}</key><value>{value}</value></item>"
        for name, value in (
            ("serverfleet-fleet", "ci"),
            ("serverfleet-key", "k"),
            *([("serverfleet-address", tag)] if tag else []),
        )
    )
    return (
        "<r><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId>"
        f"{addresses}<tagSet>{tags}</tagSet><instanceState><name>running</name>"
        "</instanceState></item></instancesSet></item></reservationSet></r>"
    )


@pytest.mark.parametrize(
    ("addresses", "option", "wanted"),
    [
        (ALL, "", PUBLIC),
        (ALL, "public", PUBLIC),
        (ALL, "private", PRIVATE),
        (ALL, "ipv6", PRIVATE),
        (ALL + f"<ipv6Address>{IPV6}</ipv6Address>", "ipv6", IPV6),
        (ALL + ON_INTERFACE, "ipv6", IPV6),
        (f"<privateIpAddress>{PRIVATE}</privateIpAddress>", "", PRIVATE),
        # A subnet of IPv6 alone gives no other.
        (f"<ipv6Address>{IPV6}</ipv6Address>", "", IPV6),
        (f"<ipv6Address>{IPV6}</ipv6Address>", "private", IPV6),
        (ON_INTERFACE, "", IPV6),
        ("", "", ""),
        # Never one that the network can't use.
        (f"<ipAddress>{PUBLIC}</ipAddress>", "private", ""),
    ],
)
def test_the_address_is_the_one_that_is_asked_for_or_the_next_best(
    addresses: str, option: str, wanted: str
) -> None:
    options = {"address": option} if option else {}
    with answering(200, describe(addresses)) as (url, _):
        cloud = open_cloud(
            "amazon", CloudConfig("a", "eu-central-1", url, SECRETS, options)
        )
        (listed,) = cloud.list_instances("ci", deadline=5).instances
        assert listed.address == wanted
        assert cloud.get_instance("i-1", deadline=5).address == wanted


def test_a_templates_own_choice_is_seen_in_every_listing() -> None:
    config = CloudConfig("a", "eu-central-1", "", SECRETS, {"address": "private"})
    spec = spec_of(options={"address": "public"})
    with answering(200, describe(ALL, tag="public")) as (url, seen):
        config = CloudConfig("a", "eu-central-1", url, SECRETS, {"address": "private"})
        cloud = open_cloud("amazon", config)
        (listed,) = cloud.list_instances("ci", deadline=5).instances
        assert listed.address == PUBLIC
    with answering(
        200,
        "<r><instancesSet><item><instanceId>i-1</instanceId></item></instancesSet></r>",
    ) as (url, seen):
        config = CloudConfig("a", "eu-central-1", url, SECRETS)
        open_cloud("amazon", config).create_instance(spec, deadline=5)
        open_cloud("amazon", config).create_instance(spec_of(), deadline=5)
    told, silent = seen
    assert ["serverfleet-address"] in told.values()
    assert ["serverfleet-address"] not in silent.values()


@pytest.mark.parametrize("path", ["", "/", "/services/compute", "/api/cloud/"])
def test_an_endpoints_path_is_asked_and_signed(path: str) -> None:
    with answering(200, describe(ALL)) as (url, seen):
        cloud = open_cloud(
            "amazon", CloudConfig("a", "RegionOne", f"{url}{path}", SECRETS)
        )
        cloud.get_instance("i-1", deadline=5)
    assert [request["path"] for request in seen] == [path or "/"]


@pytest.mark.parametrize(
    ("endpoint", "right"),
    [
        ("https://cloud.example.com:8773/services/compute", True),
        ("https://cloud.example.com/services/compute/", True),
        ("https://[2001:db8::1]:8773/", True),
        ("https://cloud.example.com/services//compute", False),
        ("https://cloud.example.com/../x", False),
        ("https://cloud.example.com/a/./b", False),
        ("https://cloud.example.com/a?b=c", False),
        ("https://cloud.example.com/a#b", False),
        ("https://cloud.example.com/a b", False),
        ("https://user:secret@cloud.example.com/a", False),
        ("file:///etc/passwd", False),
    ],
)
def test_an_endpoint_may_have_a_path_and_nothing_else(
    endpoint: str, right: bool
) -> None:
    given: dict[str, Any] = {"credentials": SECRETS, "region": "a", "options": {}}
    errors = validate_config("amazon", endpoint=endpoint, **given)
    assert ("endpoint" not in errors) is right


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "ec2.eu-central-1.amazonaws.com"),
        ("us-gov-west-1", "ec2.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "ec2.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1", "ec2.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_each_partition_has_its_host(region: str, host: str) -> None:
    from servers.clouds.amazon.connection import name_host

    assert name_host("ec2", region) == host
