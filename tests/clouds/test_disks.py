"""The root disk is the image's own device, which is asked for and never guessed."""

from typing import Any
from uuid import uuid4

import pytest

from servers.clouds.base import CloudConfig
from servers.clouds.port import Cloud
from servers.clouds.registry import open_cloud
from servers.outgoing.errors import (
    CallError,
    RefusedError,
    ThrottledError,
    UnreachableError,
)
from tests.clouds.test_amazon import SECRETS, answering, error_of, spec_of
from tests.clouds.test_checks import ALL_WELL, DENIED

pytestmark = pytest.mark.pure

IMAGE = (
    "<r><imagesSet><item><imageState>available</imageState>"
    "<rootDeviceType>{type}</rootDeviceType>"
    "<rootDeviceName>/dev/xvda</rootDeviceName><blockDeviceMapping>"
    "<item><deviceName>/dev/sdb</deviceName><ebs><volumeSize>900</volumeSize></ebs>"
    "</item><item><deviceName>/dev/xvda</deviceName><ebs><volumeSize>30</volumeSize>"
    "</ebs></item></blockDeviceMapping></item></imagesSet></r>"
)
AMAZON_LINUX = (200, IMAGE.format(type="ebs"))
MADE = "<r><instancesSet><item><instanceId>i-1</instanceId></item></instancesSet></r>"
DEVICE = "BlockDeviceMapping.1.DeviceName"


def open_amazon(url: str, **options: Any) -> Cloud:
    return open_cloud("amazon", CloudConfig("a", "eu-central-1", url, SECRETS, options))


def spec_with_disk(**options: Any) -> Any:
    # An image of its own, since what is known of one is kept.
    return spec_of(image=f"ami-{uuid4().hex[:17]}", options={"disk_gib": 100} | options)


def test_the_device_is_the_images_and_is_looked_up_once() -> None:
    spec = spec_with_disk()
    with answering(200, MADE, DescribeImages=AMAZON_LINUX) as (url, seen):
        for _ in range(3):
            open_amazon(url).create_instance(spec, deadline=5)
    actions = [request["Action"][0] for request in seen]
    assert actions == ["DescribeImages", *["RunInstances"] * 3]
    assert seen[0]["ImageId.1"] == [spec.image]
    for request in seen[1:]:
        assert request[DEVICE] == ["/dev/xvda"]
        assert request["BlockDeviceMapping.1.Ebs.VolumeSize"] == ["100"]


def test_a_device_that_is_named_is_not_looked_up() -> None:
    with answering(200, MADE) as (url, seen):
        open_amazon(url, disk_device="/dev/sda1").create_instance(
            spec_with_disk(), deadline=5
        )
    (request,) = seen
    assert request[DEVICE] == ["/dev/sda1"]


def test_no_disk_asked_for_sends_and_asks_nothing_of_one() -> None:
    with answering(200, MADE) as (url, seen):
        open_amazon(url).create_instance(spec_of(), deadline=5)
    (request,) = seen
    assert not [name for name in request if name.startswith("BlockDevice")]


@pytest.mark.parametrize(
    ("answer", "wanted", "words"),
    [
        (DENIED, RefusedError, "Allow ec2:DescribeImages, or set"),
        ((200, "<r><imagesSet/></r>"), RefusedError, "has no image"),
        (
            (200, "<r><imagesSet><item/></imagesSet></r>"),
            RefusedError,
            "Set the option",
        ),
        ((503, error_of("RequestLimitExceeded")), ThrottledError, "RequestLimit"),
        # Nothing was launched, so nothing has to be looked for.
        ((500, error_of("InternalError")), UnreachableError, "InternalError"),
        ((502, "<html>"), UnreachableError, "not XML"),
    ],
)
def test_without_the_device_nothing_is_launched(
    answer: tuple[int, str], wanted: type[CallError], words: str
) -> None:
    with (
        answering(200, MADE, DescribeImages=answer) as (url, seen),
        pytest.raises(CallError, match=words) as raised,
    ):
        open_amazon(url).create_instance(spec_with_disk(), deadline=5)
    assert type(raised.value) is wanted
    assert [request["Action"] for request in seen] == [["DescribeImages"]]


def test_an_image_by_parameter_needs_its_device_named() -> None:
    image = "resolve:ssm:/aws/service/ami"
    spec = spec_of(image=image, options={"disk_gib": 100})
    with (
        answering(200, MADE) as (url, seen),
        pytest.raises(RefusedError, match="Set the option disk_device"),
    ):
        open_amazon(url).create_instance(spec, deadline=5)
    assert not seen
    with answering(200, "<r/>", **ALL_WELL) as (url, seen):
        open_amazon(url).check_create(spec_of(image=image), deadline=5)
    assert "DescribeImages" not in [request["Action"][0] for request in seen]


@pytest.mark.parametrize(
    ("type_", "options", "words"),
    [
        ("ebs", {"disk_device": "/dev/sda1"}, "is /dev/xvda, not /dev/sda1"),
        ("ebs", {"disk_gib": 20}, "has 30 GiB, so disk_gib can't be 20"),
        ("instance-store", {}, "is not an EBS volume"),
    ],
)
def test_a_test_says_what_does_not_fit_the_image(
    type_: str, options: dict[str, Any], words: str
) -> None:
    well = {**ALL_WELL, "DescribeImages": (200, IMAGE.format(type=type_))}
    with (
        answering(200, "<r/>", **well) as (url, _),
        pytest.raises(RefusedError, match=words),
    ):
        open_amazon(url).check_create(spec_with_disk(**options), deadline=5)


def test_a_test_takes_a_disk_that_fits() -> None:
    well = {**ALL_WELL, "DescribeImages": AMAZON_LINUX}
    with answering(200, "<r/>", **well) as (url, _):
        open_amazon(url).check_create(
            spec_with_disk(disk_device="/dev/xvda"), deadline=5
        )
        open_amazon(url).check_create(spec_with_disk(), deadline=5)
