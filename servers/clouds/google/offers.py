"""Google's catalogue: regions, machine types, images of families, and quotas.

Prices are told by another service, which is not asked.
Source: the Compute Engine API's discovery document, and the documentation's page "OS
images" for the projects that publish them.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from servers.clouds.catalogue import (
    Catalogue,
    ImageQuery,
    OfferedImage,
    OfferedSize,
    Quota,
    make_catalogue,
    sort_quotas,
)
from servers.clouds.google.api import Api, Zones
from servers.clouds.google.checks import UNUSABLE, get_by_path
from servers.clouds.google.errors import NAME
from servers.clouds.google.launch import name_image
from servers.outgoing import reading
from servers.outgoing.errors import CredentialsError, MissingError, RefusedError

# Publishers of images that people start builds from.
PUBLISHERS: Final = (
    "ubuntu-os-cloud",
    "debian-cloud",
    "cos-cloud",
    "rocky-linux-cloud",
    "fedora-coreos-cloud",
)
_CURRENT: Final = "deprecated.state != DEPRECATED"
_READY: Final = frozenset({"READY", ""})
# Quotas that can stop a create in a region, and what they count.
_UNITS: Final = {
    "INSTANCES": "instances",
    "IN_USE_ADDRESSES": "addresses",
    "DISKS_TOTAL_GB": "GB",
    "SSD_TOTAL_GB": "GB",
}
_CPUS: Final = re.compile(r"(?:[A-Z0-9]+_)?CPUS(?:_ALL_REGIONS)?")


def read_catalogue(api: Api, zones: Zones, *, zone: str) -> Catalogue:
    """Return the catalogue of a region, or of one zone if the account has one."""
    gaps: dict[str, None] = {}

    def ask(what: str, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Yield the entries of a list, or none if these credentials may not read it."""
        try:
            yield from api.entries(path, query)
        except (CredentialsError, MissingError):
            gaps[f"These credentials may not list the {what} of {NAME}."] = None

    regions = [
        reading.text(each, "name") for each in ask("regions", api.path("regions"))
    ]
    sizes: dict[str, OfferedSize] = {}
    for each in [zone] if zone else _find_zones(api, zones):
        for item in ask("sizes", api.path("zones", each, "machineTypes")):
            size = _read_size(item)
            sizes[size.name] = size
    images: list[OfferedImage] = []
    for owner in (api.project, *PUBLISHERS):
        path = api.client.join_path("projects", owner, "global", "images")
        found = filter(_is_current, ask("images", path, filter=_CURRENT))
        images += _show_images(found, owner, own=owner == api.project)
    if not (regions or sizes or images):
        raise CredentialsError(" ".join(gaps) or f"{NAME} offers nothing here.")
    return make_catalogue(
        regions=filter(None, regions),
        images=images,
        sizes=[size for name, size in sizes.items() if name],
        gaps=gaps,
        has_all_images=False,  # only those of some publishers
    )


def find_images(api: Api, query: ImageQuery) -> tuple[OfferedImage, ...]:
    """Return the images of a query that an insert accepts now."""
    found: list[OfferedImage] = []
    for image_id in query.ids:
        try:
            path = name_image(image_id)
            item = get_by_path(api, path)
        except CredentialsError:
            raise
        except (MissingError, RefusedError):
            continue
        if _is_accepted(item):
            owner = path.split("/")[1] if path.startswith("projects/") else api.project
            found.append(_read_image(item, image_id, owner=owner))
    # No image's name has anything else.
    if query.owner and re.fullmatch(r"[a-z0-9*?-]+", query.pattern):
        expression = query.pattern.replace("*", ".*").replace("?", ".")
        path = api.client.join_path("projects", query.owner, "global", "images")
        for item in api.entries(path, {"filter": f"name eq {expression}"}):
            name = reading.text(item, "name")
            if re.fullmatch(expression, name) and _is_accepted(item):
                image_id = f"projects/{query.owner}/global/images/{name}"
                found.append(_read_image(item, image_id, owner=query.owner))
    return tuple(found)


def read_quotas(
    project: Mapping[str, Any], region: Mapping[str, Any]
) -> tuple[Quota, ...]:
    """Return the scarcest quotas of a project and a region that can stop a create."""
    quotas = []
    for item in (project, region):
        for each in reading.objects(item, "quotas"):
            name = reading.text(each, "metric")
            limit, used = reading.number(each, "limit"), reading.number(each, "usage")
            unit = _UNITS.get(name) or ("vCPUs" if _CPUS.fullmatch(name) else "")
            # One that is 0 and not used is of hardware that nobody asked for.
            if unit and limit is not None and (limit or used):
                quotas.append(Quota(name, limit, used, unit))
    return sort_quotas(quotas)


def _find_zones(api: Api, zones: Zones) -> list[str]:
    try:
        return zones.find(api)
    except RefusedError:  # no such region, or these credentials may not ask
        return []


def _read_size(item: Mapping[str, Any]) -> OfferedSize:
    return OfferedSize(
        name=reading.text(item, "name"),
        cores=reading.whole(item, "guestCpus"),
        memory_mib=reading.whole(item, "memoryMb"),
    )


def _is_current(item: Mapping[str, Any]) -> bool:
    """Tell whether an image is the one of its kind to start from."""
    state = reading.text(item, "deprecated", "state")
    return state in {"", "ACTIVE"} and _is_accepted(item)


def _is_accepted(item: Mapping[str, Any]) -> bool:
    """Tell whether an insert accepts an image. It does a deprecated one."""
    state = reading.text(item, "deprecated", "state")
    return state not in UNUSABLE and reading.text(item, "status") in _READY


def _show_images(
    items: Iterable[dict[str, Any]], owner: str, *, own: bool
) -> Iterator[OfferedImage]:
    """Yield the images of a project, and each family, which names its newest image."""
    families: dict[str, dict[str, Any]] = {}
    for item in items:
        name = reading.text(item, "name")
        image_id = name if own else f"projects/{owner}/global/images/{name}"
        yield _read_image(item, image_id, owner=owner)
        if family := reading.text(item, "family"):
            newest = families.setdefault(family, item)
            if _created(newest) < _created(item):
                families[family] = item
    for family, item in families.items():
        start = "" if own else f"projects/{owner}/global/images/"
        shown = _read_image(item, f"{start}family/{family}", owner=owner)
        yield OfferedImage(
            shown.image_id,
            f"{family} (newest)",
            shown.architecture,
            shown.created,
            shown.owner,
        )


def _created(item: Mapping[str, Any]) -> str:
    return reading.text(item, "creationTimestamp")


def _read_image(
    item: Mapping[str, Any], image_id: str, *, owner: str = ""
) -> OfferedImage:
    return OfferedImage(
        image_id=image_id,
        name=reading.text(item, "name"),
        architecture=reading.text(item, "architecture"),
        created=_created(item),
        owner=owner,
    )
