"""What EC2 knows about an image: whether it can be used, and its root disk."""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from xml.etree import ElementTree

from servers.clouds.amazon.api import NAME, find_text
from servers.clouds.base import About
from servers.outgoing.errors import (
    CredentialsError,
    RefusedError,
    UnknownOutcomeError,
    UnreachableError,
)

Call = Callable[[Mapping[str, str]], ElementTree.Element]

# An image named by a Systems Manager parameter, which EC2 resolves only at launch.
_BY_PARAMETER: Final = "resolve:ssm:"
_MAX_KEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class Image:
    """An image, as DescribeImages shows it."""

    image_id: str
    state: str
    root_device: str  # /dev/xvda
    root_type: str  # ebs, instance-store
    root_gib: int  # 0 where unknown


def describe_image(call: Call, image: str) -> Image:
    """Return what EC2 shows of an image. Raise RefusedError if it does not exist."""
    answer = call({"Action": "DescribeImages", "ImageId.1": image})
    found = answer.find("imagesSet/item")
    if found is None:
        raise RefusedError(
            f"{NAME} has no image {image} in this region.", about=About.IMAGE
        )
    device = find_text(found, "rootDeviceName")
    size = ""
    for mapping in found.findall("blockDeviceMapping/item"):
        if find_text(mapping, "deviceName") == device:
            size = find_text(mapping, "ebs/volumeSize")
    return Image(
        image,
        find_text(found, "imageState"),
        device,
        find_text(found, "rootDeviceType"),
        int(size) if re.fullmatch("[0-9]{1,6}", size) else 0,
    )


def is_looked_up(image: str) -> bool:
    """Tell whether DescribeImages can look up an image by this name."""
    return not image.startswith(_BY_PARAMETER)


def check_disk(image: Image, options: Mapping[str, Any]) -> None:
    """Raise RefusedError if the root disk options don't fit the image."""
    device = str(options.get("disk_device") or "")
    if device and image.root_device and device != image.root_device:
        raise RefusedError(
            f"The root disk of {image.image_id} is {image.root_device}, not {device}. "
            "The launch would add a second disk and leave the root disk unchanged. "
            "Remove disk_device or correct it."
        )
    if image.root_type == "instance-store":
        raise RefusedError(
            f"The root disk of {image.image_id} is not an EBS volume, so it can't "
            "be changed. Remove the root disk options."
        )
    size = options.get("disk_gib") or image.root_gib
    if size < image.root_gib:
        raise RefusedError(
            f"The root disk of {image.image_id} has {image.root_gib} GiB, so disk_gib "
            f"can't be {size:g}. Use at least {image.root_gib}."
        )


class RootDevices:
    """The root devices of images. Each is looked up once, since it never changes.

    Safe to use from any thread.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str, str], str] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, call: Call, image: str, *, endpoint: str, region: str) -> str:
        """Return an image's root device.

        Raises RefusedError if it can't be found out, ThrottledError, and
        UnreachableError if there was no answer. Nothing was launched before that.
        """
        key = (endpoint, region, image)
        with self._lock:
            known = self._known.get(key)
        if known is None:
            known = _look_up(call, image)
            with self._lock:
                self._known[key] = known
                while len(self._known) > _MAX_KEPT:
                    self._known.popitem(last=False)
        return known


def _look_up(call: Call, image: str) -> str:
    if not is_looked_up(image):
        raise RefusedError(
            f"The root device of {image} can't be looked up. Set the option "
            "disk_device."
        )
    try:
        found = describe_image(call, image)
    except CredentialsError as error:
        raise RefusedError(
            f"The root device of {image} can't be looked up: {error.message} "
            "Allow ec2:DescribeImages, or set the option disk_device."
        ) from None
    except UnknownOutcomeError as error:
        # A look-up changes nothing, and the launch was not sent yet.
        raise UnreachableError(error.message) from None
    if not found.root_device:
        raise RefusedError(
            f"{NAME} does not report the root device of {image}. Set the option "
            "disk_device."
        )
    return found.root_device
