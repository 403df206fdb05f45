"""Which image looks like one that is gone."""

import pytest

from servers.clouds.alike import find_alike
from servers.clouds.catalogue import OfferedImage

pytestmark = pytest.mark.pure


def image(number: int, name: str, created: str = "", **more: str) -> OfferedImage:
    return OfferedImage(f"ami-{number}", name, created=created, **more)


OFFERED = [
    image(1, "debian-12-amd64-20260101-1", "2026-01-01"),
    image(2, "debian-12-amd64-20260301-7", "2026-03-01"),
    image(3, "debian-13-amd64-20260401-1", "2026-04-01"),
    image(4, "debian-12-arm64-20260501-1", "2026-05-01"),
    image(5, "ubuntu-24.04"),
]


@pytest.mark.parametrize(
    ("gone", "wanted"),
    [
        (image(9, "debian-12-amd64-20250101-3"), "ami-2"),  # the newest build
        (image(9, "debian-11-amd64-20250101-3"), "ami-3"),  # the newest release
        (image(9, "ubuntu-22.04"), "ami-5"),
        (image(9, "windows-2025"), None),
        (image(9, "debian-12-amd64-20250101-3", architecture="arm64"), None),
        (image(9, "debian-12-amd64-20250101-3", owner="somebody"), None),
        (image(2, "debian-12-amd64-20260301-7"), "ami-1"),  # never itself
    ],
)
def test_it_is_another_build_or_else_another_release(
    gone: OfferedImage, wanted: str | None
) -> None:
    found = find_alike(gone, OFFERED)
    assert (found.image_id if found else None) == wanted
