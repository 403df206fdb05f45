"""EC2's catalogue: enabled regions, all sizes, and images that people start from.

Source: the Amazon EC2 API Reference, DescribeRegions, DescribeInstanceTypes and
DescribeImages. Prices are told by another service, which is not asked.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final
from xml.etree import ElementTree

from servers.clouds.amazon.api import NAME, find_text
from servers.clouds.catalogue import (
    Catalogue,
    ImageQuery,
    OfferedImage,
    OfferedSize,
    make_catalogue,
)
from servers.outgoing.errors import CredentialsError

_AMI: Final = "ami-"
_MAX_VALUES: Final = 200  # of a filter

Pages = Callable[[Mapping[str, str]], Iterator[ElementTree.Element]]

# The account's own images, and those of servers that these owners publish. Canonical
# has another number in each partition, and Debian publishes in the first only. Source:
# their pages on images for EC2.
_UBUNTU: Final = "ubuntu/images/*ubuntu-*-server-*"
_CANONICAL: Final = {"us-gov-": "513442679011", "cn-": "837727238323"}
_OWNERS: Final = {"self": "*", "amazon": "al2023-ami-2*"}
_OWNERS_OF_AWS: Final = {"099720109477": _UBUNTU, "136693071363": "debian-*"}
# What tells one build of an image from the next: -20260101, -20260101.1, -20260101-2.
_BUILD: Final = re.compile(r"-20[0-9]{6}([.-][0-9]+)*")


def list_owners(region: str) -> dict[str, str]:
    """Return whose images are listed in a region, each with a pattern of names."""
    for prefix, number in _CANONICAL.items():
        if region.startswith(prefix):
            return {**_OWNERS, number: _UBUNTU}
    return {**_OWNERS, **_OWNERS_OF_AWS}


def read_catalogue(pages: Pages, region: str) -> Catalogue:
    """Return the catalogue of a region. ``pages`` sends a request for all its pages."""
    gaps: dict[str, None] = {}

    def ask(action: str, **params: str) -> Iterator[ElementTree.Element]:
        """Yield the items of all pages, or none if a policy forbids the call."""
        try:
            for page in pages({"Action": action, **params}):
                yield from page.findall("*/item")
        except CredentialsError:
            gaps[f"These credentials may not call {action} of {NAME}."] = None

    regions = [find_text(item, "regionName") for item in ask("DescribeRegions")]
    types = ask("DescribeInstanceTypes", MaxResults="100")
    sizes = [_read_size(item) for item in types]
    images: list[OfferedImage] = []
    for owner, name in list_owners(region).items():
        params = {
            "Owner.1": owner,
            "MaxResults": "1000",
            "Filter.1.Name": "name",
            "Filter.1.Value.1": name,
            "Filter.2.Name": "state",
            "Filter.2.Value.1": "available",
        }
        found = map(_read_image, ask("DescribeImages", **params))
        images += found if owner == "self" else _keep_newest(found)
    if len(gaps) == 3:  # not one of the actions is allowed
        raise CredentialsError(" ".join(gaps))
    return make_catalogue(
        regions=regions,
        images=images,
        sizes=sizes,
        gaps=gaps,
        has_all_sizes=not any("DescribeInstanceTypes" in gap for gap in gaps),
    )


def find_images(pages: Pages, query: ImageQuery) -> Iterator[OfferedImage]:
    """Yield the images that match. ``pages`` sends a request for all its pages."""
    for params in _list_searches(query):
        for page in pages({"Action": "DescribeImages", "MaxResults": "1000", **params}):
            for item in page.findall("imagesSet/item"):
                number = find_text(item, "imageOwnerId")
                # With or without the filter, a number means exactly that owner.
                if not query.owner.isdigit() or number == query.owner:
                    yield _read_image(item)
    for image in query.ids:
        if not image.startswith(_AMI):  # EC2 resolves it only at launch
            yield OfferedImage(image, image)


def _list_searches(query: ImageQuery) -> Iterator[dict[str, str]]:
    """Yield the filters of each search that is needed."""
    usable = {"Filter.1.Name": "state", "Filter.1.Value.1": "available"}
    if not query.ids:
        name = {"Filter.2.Name": "name", "Filter.2.Value.1": query.pattern}
        yield {"Owner.1": query.owner, **usable, **name}
        return
    ids = [image for image in query.ids if image.startswith(_AMI)]
    # A filter, since an unknown id in the request itself is an error.
    for start in range(0, len(ids), _MAX_VALUES):
        some = enumerate(ids[start : start + _MAX_VALUES], start=1)
        values = {f"Filter.2.Value.{number}": image for number, image in some}
        # A deprecated image can still be launched.
        yield {
            "IncludeDeprecated": "true",
            **usable,
            "Filter.2.Name": "image-id",
            **values,
        }


def _read_size(item: ElementTree.Element) -> OfferedSize:
    return OfferedSize(
        name=find_text(item, "instanceType"),
        cores=_count(find_text(item, "vCpuInfo/defaultVCpus")),
        memory_mib=_count(find_text(item, "memoryInfo/sizeInMiB")),
    )


def _read_image(item: ElementTree.Element) -> OfferedImage:
    return OfferedImage(
        image_id=find_text(item, "imageId"),
        name=find_text(item, "name"),
        architecture=find_text(item, "architecture"),
        created=find_text(item, "creationDate"),
        owner=find_text(item, "imageOwnerAlias") or find_text(item, "imageOwnerId"),
    )


def _count(text: str) -> int:
    return int(text) if re.fullmatch("[0-9]{1,9}", text) else 0


def _keep_newest(images: Iterable[OfferedImage]) -> list[OfferedImage]:
    """Return the newest build of each image: public owners keep hundreds."""
    newest: dict[tuple[str, str], OfferedImage] = {}
    for image in images:
        key = (_BUILD.sub("", image.name), image.architecture)
        if key not in newest or newest[key].created < image.created:
            newest[key] = image
    return list(newest.values())
