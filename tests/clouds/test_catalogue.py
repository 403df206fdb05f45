"""EC2's catalogue: what policies forbid, many builds of an image, and its bounds."""

import pytest

from servers.clouds.amazon.offers import list_owners
from servers.clouds.catalogue import MAX_ENTRIES, OfferedImage, make_catalogue
from servers.outgoing.errors import CredentialsError, ThrottledError
from tests.clouds.test_amazon import answering, error_of
from tests.clouds.test_checks import DENIED, open_amazon

pytestmark = pytest.mark.pure

REGIONS = (
    200,
    "<r><regionInfo><item><regionName>eu-west-1</regionName></item></regionInfo></r>",
)
SIZES = (
    200,
    (
        "<r><instanceTypeSet><item><instanceType>t3.micro</instanceType><vCpuInfo>"
        "<defaultVCpus>2</defaultVCpus></vCpuInfo><memoryInfo><sizeInMiB>1024</sizeInMiB>"
        "</memoryInfo></item></instanceTypeSet></r>"
    ),
)


def image_of(number: int, name: str, created: str) -> str:
    return (
        f"<item><imageId>ami-{number}</imageId><name>{name}</name>"
        f"<architecture>x86_64</architecture><creationDate>{created}</creationDate>"
        "</item>"
    )


IMAGES = (
    200,
    "<r><imagesSet>"
    + image_of(1, "debian-12-amd64-20260101-1", "2026-01-01T00:00:00.000Z")
    + image_of(2, "debian-12-amd64-20260301-7", "2026-03-01T00:00:00.000Z")
    + image_of(3, "debian-12-arm64-20260201-1", "2026-02-01T00:00:00.000Z")
    + "</imagesSet></r>",
)


def test_of_a_public_image_only_its_newest_build_is_listed_of_ones_own_all() -> None:
    answers = {
        "DescribeRegions": REGIONS,
        "DescribeInstanceTypes": SIZES,
        "DescribeImages": IMAGES,
    }
    with answering(200, "<r/>", **answers) as (url, seen):
        offered = open_amazon(url).catalogue(deadline=5)
    asked = [each for each in seen if each["Action"] == ["DescribeImages"]]
    others = len(asked) - 1  # the first asks for the account's own
    assert asked[0]["Owner.1"] == ["self"]
    ids = [image.image_id for image in offered.images]
    assert (ids.count("ami-1"), ids.count("ami-2")) == (1, 1 + others)
    assert offered.regions == ("eu-west-1",)
    assert [(size.name, size.cores) for size in offered.sizes] == [("t3.micro", 2)]


def test_what_a_policy_forbids_is_told_and_the_rest_is_listed() -> None:
    answers = {
        "DescribeRegions": DENIED,
        "DescribeInstanceTypes": SIZES,
        "DescribeImages": DENIED,
    }
    with answering(200, "<r/>", **answers) as (url, _):
        offered = open_amazon(url).catalogue(deadline=5)
    assert len(offered.sizes) == 1
    assert [gap.split(" of ")[0].split()[-1] for gap in offered.gaps] == [
        "DescribeRegions",
        "DescribeImages",
    ]


def test_no_rights_at_all_and_throttling_are_errors_not_empty_lists() -> None:
    with (
        answering(*DENIED) as (url, _),
        pytest.raises(CredentialsError, match="DescribeImages"),
    ):
        open_amazon(url).catalogue(deadline=5)
    with (
        answering(503, error_of("RequestLimitExceeded")) as (url, _),
        pytest.raises(ThrottledError),
    ):
        open_amazon(url).catalogue(deadline=5)


def test_a_list_that_is_cut_says_so() -> None:
    images = [OfferedImage(f"i-{n}", f"{n:05}") for n in range(MAX_ENTRIES + 1)]
    offered = make_catalogue(images=reversed(images))
    assert offered.images == tuple(images[:MAX_ENTRIES])
    assert offered.gaps == (
        f"Only {MAX_ENTRIES} of {MAX_ENTRIES + 1} images are listed.",
    )


@pytest.mark.parametrize(
    ("region", "canonical"),
    [
        ("eu-central-1", "099720109477"),
        ("us-gov-west-1", "513442679011"),
        ("cn-north-1", "837727238323"),
    ],
)
def test_each_partition_has_its_own_publishers(region: str, canonical: str) -> None:
    owners = list_owners(region)
    assert owners["self"] == "*"
    assert owners["amazon"].startswith("al2023")  # an alias, the same everywhere
    assert [name for name, wanted in owners.items() if "ubuntu" in wanted] == [
        canonical
    ]
