"""Images that look alike: the newest build of an image that the cloud no longer has."""

import re
from collections.abc import Iterable
from typing import Final

from servers.clouds.catalogue import OfferedImage
from servers.clouds.images import choose_newest

# What tells one build of an image from the next: -20260101, -20260101.1, v20260101.
_BUILD: Final = re.compile(r"[-_. ]?v?20[0-9]{6}([T0-9]{0,7})([.-][0-9]+)*")
_NUMBER: Final = re.compile(r"[0-9]+")


def stem_of(name: str) -> str:
    """Return a name without what tells one build from the next."""
    return _BUILD.sub("", name.lower())


def pattern_of(name: str) -> str:
    """Return the pattern of all builds of an image, for a rule."""
    return _BUILD.sub("*", name)


def find_alike(
    gone: OfferedImage, images: Iterable[OfferedImage]
) -> OfferedImage | None:
    """Return the newest image like one that is gone, or None.

    That is another build of the same, or else one whose name differs in its numbers
    alone, such as those of a release.
    """
    same_kind = [
        image
        for image in images
        if image.image_id != gone.image_id
        and (not gone.architecture or image.architecture == gone.architecture)
        and (not gone.owner or image.owner == gone.owner)
    ]
    stem = stem_of(gone.name)
    builds = [image for image in same_kind if stem_of(image.name) == stem]
    if builds:
        return choose_newest(builds)
    shape = _NUMBER.sub("#", stem)
    return choose_newest(
        image for image in same_kind if _NUMBER.sub("#", stem_of(image.name)) == shape
    )
