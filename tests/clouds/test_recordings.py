"""Answers that EC2 itself gave, read right.

They are no part of this repository: CLOUD_MATERIAL names the folder that holds them, a
folder for each cloud.
"""

import json
import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from servers.clouds.amazon.images import describe_image
from servers.clouds.base import CloudConfig
from servers.clouds.registry import open_cloud
from tests.clouds.test_amazon import SECRETS, answering

pytestmark = pytest.mark.pure


def load(name: str) -> dict[str, str]:
    """Return the bodies of a recording by the action that was asked."""
    named = os.environ.get("CLOUD_MATERIAL")
    if not named:
        pytest.skip("CLOUD_MATERIAL names no folder with recorded answers of clouds")
    path = Path(named) / "amazon" / "recordings" / f"{name}.json"
    if not path.exists():
        pytest.skip(f"there is no recording {path}")
    bodies: dict[str, str] = {}
    for each in json.loads(path.read_text(encoding="utf-8"))["interactions"]:
        action = parse_qs(each["request"]["body"])["Action"][0]
        bodies.setdefault(action, each["response"]["body"])
    return bodies


def open_amazon(url: str, **options: Any) -> Any:
    config = CloudConfig("a", "us-east-1", url, SECRETS, options)
    return open_cloud("amazon", config)


@pytest.mark.parametrize(
    ("option", "address"), [("", "192.0.2.3"), ("private", "10.0.0.122")]
)
def test_an_instance_is_read_with_its_status_and_its_addresses(
    option: str, address: str
) -> None:
    bodies = load("describe-instance-and-neighbours")
    options = {"address": option} if option else {}
    with answering(200, bodies["DescribeInstances"]) as (url, _):
        shown = open_amazon(url, **options).get_instance("i-c72af2f6", deadline=5)
    assert shown.instance_id == "i-c72af2f6"
    assert (shown.raw_status, shown.live) == ("running", True)
    assert shown.address == address
    # Nobody's that ServerFleet created.
    assert (shown.key, shown.fleet) == ("", "")


def test_an_instance_of_others_is_in_no_listing_of_a_fleet() -> None:
    bodies = load("describe-instance-and-neighbours")
    with answering(200, bodies["DescribeInstances"]) as (url, _):
        listing = open_amazon(url).list_instances("ci", deadline=5)
    assert listing.instances == ()
    assert listing.identity == "123456789012"


def test_an_images_root_disk_is_read() -> None:
    bodies = load("describe-instance-and-neighbours")
    with answering(200, bodies["DescribeImages"]) as (url, _):
        cloud = open_amazon(url)
        from servers.outgoing.deadline import Deadline

        with Deadline(5, "EC2"):
            image = describe_image(cloud._call, "ami-2051294a")
    assert image.state == "available"
    assert image.root_device == "/dev/sda1"
    assert image.root_type == "ebs"
    assert image.root_gib > 0


@pytest.mark.parametrize(
    "name", ["describe-instance-and-neighbours", "describe-volumes"]
)
def test_volumes_of_others_are_no_leftovers(name: str) -> None:
    with answering(200, load(name)["DescribeVolumes"]) as (url, _):
        assert open_amazon(url).list_leftovers("ci", deadline=5) == ()
