"""What a location offers, for people who choose: regions, images and sizes."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

MAX_ENTRIES: Final = 2000  # of each list
MAX_QUOTAS: Final = 6


@dataclass(frozen=True, slots=True)
class OfferedImage:
    """An image, by the id that a template takes."""

    image_id: str
    name: str
    architecture: str = ""
    created: str = ""  # as the cloud writes it: ISO 8601, which sorts by time
    owner: str = ""  # as an image rule names it


@dataclass(frozen=True, slots=True)
class OfferedSize:
    """A size. 0 cores or MiB, and no price: the cloud does not tell."""

    name: str
    cores: int = 0
    memory_mib: int = 0
    price_per_hour: Decimal | None = None  # in ``currency``
    currency: str = ""


@dataclass(frozen=True, slots=True)
class ImageQuery:
    """Which images are looked for: those with these ids, or those of a rule.

    A rule has an ``owner``, as the kind's capabilities allow, and the ``pattern`` of a
    whole name, in which * stands for any text and ? for one character.
    """

    ids: tuple[str, ...] = ()
    owner: str = ""
    pattern: str = ""


@dataclass(frozen=True, slots=True)
class Quota:
    """A limit of the account's own at the cloud, and how much of it is used.

    ``used`` is None if the cloud does not tell. ``unit`` is what is counted, such as
    instances or vCPUs.
    """

    name: str
    limit: float
    used: float | None = None
    unit: str = "instances"


def sort_quotas(quotas: Iterable[Quota]) -> tuple[Quota, ...]:
    """Return the scarcest quotas, those with the smallest share left first.

    Not by what is left of them: vCPUs and addresses don't compare. Where the use is
    not told, all of it counts as left.
    """

    def rank(quota: Quota) -> tuple[float, float]:
        left = quota.limit - (quota.used or 0.0)
        return left / max(quota.limit, 1.0), left

    return tuple(sorted(quotas, key=rank)[:MAX_QUOTAS])


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Three sorted lists, and a sentence in ``gaps`` for each that is not whole."""

    regions: tuple[str, ...] = ()
    images: tuple[OfferedImage, ...] = ()
    sizes: tuple[OfferedSize, ...] = ()
    gaps: tuple[str, ...] = ()
    has_all_images: bool = True  # neither cut nor forbidden
    has_all_sizes: bool = True


def make_catalogue(
    *,
    regions: Iterable[str] = (),
    images: Iterable[OfferedImage] = (),
    sizes: Iterable[OfferedSize] = (),
    gaps: Iterable[str] = (),
    has_all_images: bool = True,
    has_all_sizes: bool = True,
) -> Catalogue:
    """Return a catalogue with each list sorted, and cut at MAX_ENTRIES."""
    by_name = sorted(images, key=lambda each: (each.name, each.image_id))
    by_power = sorted(sizes, key=lambda each: (each.cores, each.memory_mib, each.name))
    names = sorted(regions)
    cut = [
        f"Only {MAX_ENTRIES} of {len(found)} {what} are listed."
        for what, found in (("images", by_name), ("sizes", by_power))
        if len(found) > MAX_ENTRIES
    ]
    return Catalogue(
        regions=tuple(names[:MAX_ENTRIES]),
        images=tuple(by_name[:MAX_ENTRIES]),
        sizes=tuple(by_power[:MAX_ENTRIES]),
        gaps=(*gaps, *cut),
        has_all_images=has_all_images and len(by_name) <= MAX_ENTRIES,
        has_all_sizes=has_all_sizes and len(by_power) <= MAX_ENTRIES,
    )
