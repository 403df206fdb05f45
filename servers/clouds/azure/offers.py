"""Azure's catalogue: regions, sizes, well-known images, and quotas.

Images of the marketplace are too many to list. Prices are told by another service,
which is not asked.
Source: the description of Microsoft.Compute, and Azure's documentation, "Find Azure
Marketplace image information" and "Community Images - Get".
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import translate
from typing import Any, Final

from servers.clouds.azure.api import Api
from servers.clouds.azure.errors import NAME
from servers.clouds.azure.launch import read_image
from servers.clouds.catalogue import (
    Catalogue,
    ImageQuery,
    OfferedImage,
    OfferedSize,
    Quota,
    make_catalogue,
    sort_quotas,
)
from servers.outgoing import reading
from servers.outgoing.errors import (
    CredentialsError,
    MissingError,
    RefusedError,
    UnknownOutcomeError,
)

# Images that people start builds from, and their architectures.
KNOWN: Final = {
    "Canonical:ubuntu-24_04-lts:server": "x64",
    "Canonical:ubuntu-24_04-lts:server-arm64": "Arm64",
    "Canonical:0001-com-ubuntu-server-jammy:22_04-lts-gen2": "x64",
    "Debian:debian-12:12-gen2": "x64",
    "Debian:debian-12:12-arm64": "Arm64",
}
LATEST: Final = "latest"
_UNITS: Final = {"virtualMachines": "instances"}
_CORES: Final = re.compile(r"(?:cores|lowPriorityCores|.*Family)", re.IGNORECASE)
_DATED: Final = re.compile(r"(20[0-9]{2})(0[1-9]|1[0-2])([0-3][0-9])[0-9]{0,4}")


def read_catalogue(api: Api) -> Catalogue:
    """Return what a region offers."""
    gaps: list[str] = []

    def ask(what: str, path: str) -> Iterator[dict[str, Any]]:
        """Yield the entries of a list, or none if these credentials may not read it."""
        try:
            yield from api.entries(path)
        except CredentialsError:
            gaps.append(f"These credentials may not list the {what} of {NAME}.")
        except MissingError as error:
            raise UnknownOutcomeError(error.message) from None

    regions = [
        reading.text(each, "name").lower()
        for each in ask("regions", api.root("locations"))
        if reading.text(each, "metadata", "regionType") in {"Physical", ""}
    ]
    sizes = {
        name: OfferedSize(
            name=name,
            cores=reading.whole(each, "numberOfCores"),
            memory_mib=reading.whole(each, "memoryInMB"),
        )
        for each in ask("sizes", api.in_location("vmSizes"))
        if (name := reading.text(each, "name"))
    }
    images = []
    for urn, architecture in KNOWN.items():
        try:
            found = choose_version(list_versions(api, read_image(f"{urn}:{LATEST}")))
        except CredentialsError:
            gaps.append(f"These credentials may not list the images of {NAME}.")
            break
        if found:
            shown = show_image(urn, found, image_id=f"{urn}:{LATEST}")
            images.append(
                OfferedImage(
                    shown.image_id,
                    f"{urn} (latest)",
                    architecture,
                    shown.created,
                    shown.owner,
                )
            )
    if not (regions or sizes or images):
        raise CredentialsError(" ".join(gaps) or f"{NAME} offers nothing here.")
    return make_catalogue(
        regions=filter(None, dict.fromkeys(regions)),
        images=images,
        sizes=sizes.values(),
        gaps=gaps,
        has_all_images=False,
    )


def find_images(api: Api, query: ImageQuery) -> tuple[OfferedImage, ...]:
    """Return the images of a query that exist. Of a rule, only the newest one.

    A rule is ``newest:PUBLISHER/OFFER:SKU:VERSION``, in which only the version may have
    wildcards. Versions are compared as numbers, which their names alone don't show.
    """
    found: list[OfferedImage] = []
    for image_id in query.ids:
        try:
            image = read_image(image_id)
            item = get_image(api, image)
        except (MissingError, RefusedError) as error:
            if isinstance(error, CredentialsError):
                raise
            continue
        name = reading.text(item, "name")
        if "publisher" in image:
            found.append(show_image(_urn(image), name, image_id=image_id))
        else:
            found.append(OfferedImage(image_id, name or image_id))
    if query.owner:
        found += _find_newest(api, query)
    return tuple(found)


def _find_newest(api: Api, query: ImageQuery) -> list[OfferedImage]:
    parts = (query.pattern or "").split(":")
    if len(parts) != 3 or re.search(r"[*?]", "".join(parts[:2])):
        raise RefusedError(
            "Name the offer and the SKU in full. Only the version may have *, such as "
            "newest:Canonical/ubuntu-24_04-lts:server:*."
        )
    offer, sku, version = parts
    urn = f"{query.owner}:{offer}:{sku}"
    known = list_versions(api, read_image(f"{urn}:{LATEST}"))
    pattern = re.compile(translate(version.replace("[", "[[]")))
    newest = choose_version(each for each in known if pattern.fullmatch(each))
    return [show_image(urn, newest)] if newest else []


def list_versions(api: Api, image: Mapping[str, str]) -> list[str]:
    """Return the versions of a marketplace image here, [] if there is none."""
    path = _versions_path(api, image)
    try:
        reply = api.ask("GET", path)
    except MissingError:
        return []
    return [
        name
        for each in reply.need_objects()
        if (name := reading.text(each, "name")) and re.fullmatch(r"[0-9.]+", name)
    ]


def choose_version(versions: Iterable[str]) -> str:
    """Return the newest version, or "" if there is none."""
    return max(versions, key=_split_version, default="")


def get_image(api: Api, image: Mapping[str, str]) -> dict[str, Any]:
    """Return an image, as a virtual machine refers to it.

    Raises MissingError, and RefusedError if images of its kind can't be looked
    up.
    """
    if "publisher" in image:
        if image["version"] == LATEST:
            newest = choose_version(list_versions(api, image))
            if not newest:
                raise MissingError(f"{NAME} has no image {_urn(image)}.")
            return {"name": newest}
        return api.get(f"{_versions_path(api, image)}/{image['version']}")
    if "id" in image:
        return api.get(image["id"])
    # Images of other people's galleries belong to a region.
    path = next(iter(image.values()))
    return api.get(api.in_location(*path.strip("/").split("/")))


def show_image(urn: str, version: str, *, image_id: str = "") -> OfferedImage:
    """Return a marketplace image's version."""
    return OfferedImage(
        image_id=image_id or f"{urn}:{version}",
        name=f"{urn.partition(':')[2]}:{version}",
        created=_read_date(version),
        owner=urn.partition(":")[0],
    )


def read_quotas(usages: Iterable[Mapping[str, Any]]) -> tuple[Quota, ...]:
    """Return the scarcest quotas of a region that can stop a create."""
    quotas = []
    for each in usages:
        name = reading.text(each, "name", "value")
        said = reading.text(each, "name", "localizedValue") or name
        limit = reading.number(each, "limit")
        used = reading.number(each, "currentValue")
        unit = _UNITS.get(name) or ("vCPUs" if _CORES.fullmatch(name) else "")
        # One that is 0 and not used is of sizes that nobody asked for.
        if unit and limit is not None and (limit > 0 or used):
            quotas.append(Quota(said, limit, used, unit))
    return sort_quotas(quotas)


def _versions_path(api: Api, image: Mapping[str, str]) -> str:
    return api.in_location(
        *("publishers", image["publisher"], "artifacttypes", "vmimage"),
        *("offers", image["offer"], "skus", image["sku"], "versions"),
    )


def _urn(image: Mapping[str, str]) -> str:
    return ":".join(image[name] for name in ("publisher", "offer", "sku"))


def _split_version(version: str) -> list[int]:
    return [int(part[:30]) for part in version.split(".") if part]


def _read_date(version: str) -> str:
    """Return the day in a version such as 24.04.202410170, which most have, or ""."""
    for part in version.split("."):
        if found := _DATED.fullmatch(part):
            return "-".join(found.groups())
    return ""
