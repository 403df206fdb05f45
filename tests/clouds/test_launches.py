"""What options bring about at an EC2 that keeps state: moto, over real HTTP."""

from typing import Any
from uuid import uuid4
from xml.etree import ElementTree

import pytest

from servers.clouds.amazon.adapter import Amazon
from servers.clouds.base import CloudConfig
from servers.clouds.registry import open_cloud
from servers.outgoing.deadline import Deadline
from servers.outgoing.errors import RefusedError, UnknownOutcomeError
from tests.clouds.test_amazon import SECRETS, answering, spec_of
from tests.support.moto import reset_moto

pytestmark = pytest.mark.pure

LABELS = {"CostCenter": "a+b=c", "Owner": "Jörg Ünlü", "x:y": "z"}


@pytest.fixture
def cloud(moto_url: str) -> Amazon:
    reset_moto(moto_url)
    found = open_cloud("amazon", CloudConfig("a", "eu-central-1", moto_url, SECRETS))
    assert isinstance(found, Amazon)
    return found


def ask(cloud: Amazon, action: str, **params: str) -> ElementTree.Element:
    with Deadline(10, "EC2"):
        return cloud._call({"Action": action, **params})


def tags_of(item: ElementTree.Element) -> dict[str | None, str | None]:
    found = item.findall("tagSet/item")
    return {tag.findtext("key"): tag.findtext("value") for tag in found}


def launch(cloud: Amazon, **more: Any) -> ElementTree.Element:
    spec = spec_of(token=uuid4().hex, **more)
    made = cloud.create_instance(spec, deadline=60)
    answer = ask(cloud, "DescribeInstances", **{"InstanceId.1": made.instance_id})
    (item,) = answer.findall("reservationSet/item/instancesSet/item")
    return item


def test_an_instance_and_its_volume_carry_the_labels(cloud: Amazon) -> None:
    labels = {**LABELS, "x:y/z": ""}
    item = launch(cloud, labels=labels, options={"disk_gib": 20})
    wanted = {**labels, "Name": "agent-1", "serverfleet-fleet": "ci"}
    assert tags_of(item).items() >= wanted.items()
    volumes = ask(cloud, "DescribeVolumes").findall("volumeSet/item")
    (volume,) = [v for v in volumes if tags_of(v).get("Name") == "agent-1"]
    assert tags_of(volume).items() >= wanted.items()
    # One disk, the root, as large as was asked for.
    assert volume.findtext("size") == "20"
    image = ask(cloud, "DescribeImages", **{"ImageId.1": "ami-12c6146b"})
    root = image.findtext("imagesSet/item/rootDeviceName")
    attached = volume.findtext("attachmentSet/item/device")
    assert attached == root


def test_the_network_interface_carries_them_too() -> None:
    # moto drops an interface's tags, so this is what EC2 is asked for.
    spec = spec_of(labels=LABELS)
    with answering(200, "<a/>") as (url, seen):
        cloud = open_cloud("amazon", CloudConfig("a", "eu-central-1", url, SECRETS))
        with pytest.raises(UnknownOutcomeError):
            cloud.create_instance(spec, deadline=5)
    prefix = "TagSpecification.3."
    (request,) = seen
    asked = {
        name.removeprefix(prefix): values[0]
        for name, values in request.items()
        if name.startswith(prefix)
    }
    assert asked.pop("ResourceType") == "network-interface"
    tags = {
        asked.pop(f"Tag.{number}.Key"): asked.pop(f"Tag.{number}.Value")
        for number in range(1, len(asked) // 2 + 1)
    }
    assert asked == {}
    assert tags == {**spec.tags, "Name": "agent-1"}
    assert tags.items() >= {**LABELS, "serverfleet-fleet": "ci"}.items()


@pytest.mark.parametrize("public", [True, False])
def test_a_public_address_is_given_or_not(cloud: Amazon, public: bool) -> None:
    subnet = ask(cloud, "DescribeSubnets").findtext("subnetSet/item/subnetId") or ""
    group = (
        ask(cloud, "DescribeSecurityGroups").findtext("securityGroupInfo/item/groupId")
        or ""
    )
    options = {"public_ip": public, "subnet": subnet, "security_groups": [group]}
    item = launch(cloud, options=options)
    assert item.findtext("subnetId") == subnet
    assert bool(item.findtext("ipAddress")) is public
    # moto tells the groups of an interface there alone.
    groups = item.findall(".//groupSet/item/groupId")
    assert {each.text for each in groups} == {group}


def test_a_templates_address_stays_with_its_instances(cloud: Amazon) -> None:
    item = launch(cloud, options={"address": "private"})
    plain = launch(cloud)
    shown = {
        instance.instance_id: instance.address
        for instance in cloud.list_instances("ci", deadline=60).instances
    }
    assert shown[item.findtext("instanceId") or ""] == item.findtext("privateIpAddress")
    assert shown[plain.findtext("instanceId") or ""] == plain.findtext("ipAddress")


def test_what_does_not_exist_is_refused_in_ec2s_words(cloud: Amazon) -> None:
    for options in ({"subnet": "subnet-0"}, {"security_groups": "sg-0"}):
        with pytest.raises(RefusedError, match="does not exist"):
            launch(cloud, options=options)
