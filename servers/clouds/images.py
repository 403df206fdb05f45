"""Images by rule: ``newest:OWNER/PATTERN`` instead of an id.

The owner is as important as the pattern: on some clouds anybody can publish an image
with any name. So a kind names the owners that it allows, and none stands for all.
"""

import re
from collections.abc import Iterable
from fnmatch import translate
from typing import Final

from servers.clouds.base import About
from servers.clouds.capabilities import Capabilities
from servers.clouds.catalogue import ImageQuery, OfferedImage
from servers.clouds.port import Cloud, FindsImages
from servers.outgoing.errors import RefusedError

PREFIX: Final = "newest:"
_PATTERN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ()./_:@'*?-]{0,199}")


def is_rule(image: str) -> bool:
    """Tell whether an image is named by a rule."""
    return image.startswith(PREFIX)


def read_rule(image: str) -> ImageQuery:
    """Return which images a rule means. It must be one."""
    owner, _, pattern = image.removeprefix(PREFIX).partition("/")
    return ImageQuery(owner=owner, pattern=pattern)


def check_image(image: str, capabilities: Capabilities) -> str:
    """Return what is wrong with an image, if it is a rule, or ""."""
    if not is_rule(image):
        return ""
    if not capabilities.image_owners:
        return "This kind of cloud takes no images by rule. Enter the image's id."
    rule = read_rule(image)
    if not re.fullmatch(capabilities.image_owners, rule.owner):
        return (
            f"A rule is {PREFIX}OWNER/PATTERN, with an owner such as "
            f"{capabilities.image_owners_like}."
        )
    if not _PATTERN.fullmatch(rule.pattern):
        return (
            f"A rule is {PREFIX}OWNER/PATTERN. The pattern is the image's whole name, "
            "in which * stands for any text. It starts with a letter or digit."
        )
    return ""


def find_images(
    cloud: Cloud, capabilities: Capabilities, query: ImageQuery, *, deadline: float
) -> tuple[OfferedImage, ...]:
    """Return all images that match, from a search or else from the whole catalogue.

    As ``FindsImages.find_images``. Raises RefusedError also if the cloud can tell only
    some of its images.
    """
    if isinstance(cloud, FindsImages):
        return cloud.find_images(query, deadline=deadline)
    found = cloud.catalogue(deadline=deadline)
    if not capabilities.lists_all_images or not found.has_all_images:
        raise RefusedError("The cloud did not list all of its images.")
    return tuple(image for image in found.images if matches(image, query))


def matches(image: OfferedImage, query: ImageQuery) -> bool:
    """Tell whether an image is one of those that are looked for."""
    if query.ids:
        return image.image_id in query.ids
    # fnmatch also knows brackets, which a rule can't have.
    named = re.fullmatch(translate(query.pattern), image.name)
    return image.owner == query.owner and named is not None


def choose_newest(images: Iterable[OfferedImage]) -> OfferedImage | None:
    """Return the newest image, or None if there is none."""
    return max(
        images,
        key=lambda each: (each.created, each.name, each.image_id),
        default=None,
    )


def resolve_rule(
    cloud: Cloud, capabilities: Capabilities, rule: str, *, deadline: float
) -> OfferedImage:
    """Return the newest image that a rule means. Raise RefusedError if it means none.

    Or if it is wrong. Raises the other errors of ``find_images``, too.
    """
    if wrong := check_image(rule, capabilities):
        raise RefusedError(wrong)
    query = read_rule(rule)
    found = choose_newest(find_images(cloud, capabilities, query, deadline=deadline))
    if found is None:
        raise RefusedError(
            f"The cloud has no image that {rule} means here. Correct the rule.",
            about=About.IMAGE,
        )
    return found
