"""Scaleway's catalogue: zones, sizes with prices, images; and the quotas.

Source: the vendor's SDK, and recorded answers. Prices are net, in euros, without
volumes and addresses: Scaleway has no other currency.
"""

import re
from collections.abc import Iterable
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
from servers.clouds.images import matches
from servers.clouds.scaleway.api import Api
from servers.clouds.scaleway.checks import list_local_images
from servers.clouds.scaleway.errors import NAME
from servers.clouds.scaleway.options import UUID
from servers.outgoing import reading
from servers.outgoing.errors import CredentialsError, MissingError

# No call lists them. Source: the zones of the vendor's SDK.
ZONES: Final = (
    *("fr-par-1", "fr-par-2", "fr-par-3", "nl-ams-1", "nl-ams-2", "nl-ams-3"),
    *("pl-waw-1", "pl-waw-2", "pl-waw-3", "it-mil-1"),
)
OWN: Final = "project"  # the owner of the project's own images, in image rules
_MIB: Final = 1024 * 1024
_QUOTA: Final = re.compile(r"(instances?|cp_servers)(_|$)")


def read_catalogue(api: Api) -> Catalogue:
    """Return the catalogue of a zone."""
    gaps: dict[str, str] = {}

    def note(name: str, error: CredentialsError) -> None:
        gaps[name] = f"{NAME} does not list {name}: {error.message}"

    sizes: list[OfferedSize] = []
    images: list[OfferedImage] = []
    try:
        sizes = list_sizes(api)
    except CredentialsError as error:
        note("sizes", error)
    try:
        images += _list_own_images(api)
    except CredentialsError as error:
        note("images", error)
    try:
        images += _list_labels(api)
    except CredentialsError as error:
        note("marketplace images", error)
    if len(gaps) == 3:
        raise CredentialsError(gaps["sizes"])
    return make_catalogue(
        regions={*ZONES, api.zone},
        images=images,
        sizes=sizes,
        gaps=gaps.values(),
        has_all_images="images" not in gaps and "marketplace images" not in gaps,
        has_all_sizes="sizes" not in gaps,
    )


def list_sizes(api: Api) -> list[OfferedSize]:
    """Return the sizes of a zone that can be created, whether or not in stock."""
    return [
        _read_size(name, each)
        for name, each in api.named_entries(
            api.instance("products", "servers"), "servers"
        ).items()
        if name and not reading.truth(each, "end_of_service")
    ]


def find_images(api: Api, query: ImageQuery) -> tuple[OfferedImage, ...]:
    """Return the images with some ids, or of a rule."""
    if not query.ids:
        return tuple(each for each in _list_own_images(api) if matches(each, query))
    known = {each.image_id: each for each in _list_own_images(api)}
    labels = {each.image_id: each for each in _list_labels(api)}
    found: list[OfferedImage] = []
    for image in query.ids:
        if image in known:
            found.append(known[image])
        elif not re.fullmatch(UUID, image):
            if list_local_images(api, image):
                found.append(labels.get(image) or OfferedImage(image, image))
        elif (shown := _get_image(api, image)) is not None:
            found.append(shown)
    return tuple(found)


def list_quotas(api: Api) -> tuple[Quota, ...]:
    """Return the quotas on servers in this zone. Scaleway does not tell their use."""
    project = api.ask("GET", f"/account/v3/projects/{api.project}")
    organization = reading.text(project.data, "organization_id")
    query = {"organization_id": organization, "order_by": "name_asc"}
    found = []
    for each in api.entries("/iam/v1alpha1/quota", "quota", query):
        limit = _find_limit(each, api.zone)
        name = reading.text(each, "name")
        if limit is not None and _QUOTA.match(name):
            pretty = reading.text(each, "pretty_name") or name
            unit = reading.text(each, "unit") or "instances"
            found.append(Quota(pretty, limit, None, unit))
    return sort_quotas(found)


def _find_limit(item: dict[str, Any], zone: str) -> float | None:
    """Return the limit in a zone, or None if there is none."""
    limits = reading.objects(item, "limits")
    places = ({"zone": zone}, {"region": zone.rpartition("-")[0]}, {"global": True})
    for place in places:
        for each in limits:
            if all(reading.find(each, name) == at for name, at in place.items()):
                unlimited = reading.truth(each, "unlimited")
                return None if unlimited else reading.number(each, "limit")
    if reading.truth(item, "unlimited"):
        return None
    return reading.number(item, "limit")


def _read_size(name: str, item: Any) -> OfferedSize:
    price = reading.decimal(item, "hourly_price")
    return OfferedSize(
        name=name,
        cores=reading.whole(item, "ncpus"),
        memory_mib=reading.whole(item, "ram") // _MIB,
        price_per_hour=price,
        currency="EUR" if price is not None else "",
    )


def _list_own_images(api: Api) -> list[OfferedImage]:
    query = {"project": api.project, "public": "false"}
    entries = api.entries(api.instance("images"), "images", query)
    return [*_read_images(entries)]


def _read_images(entries: Iterable[dict[str, Any]]) -> Iterable[OfferedImage]:
    for each in entries:
        usable = reading.text(each, "state") in {"available", ""}
        if usable and reading.text(each, "id") and not reading.truth(each, "public"):
            yield _read_image(each)


def _read_image(item: dict[str, Any]) -> OfferedImage:
    public = reading.truth(item, "public")
    return OfferedImage(
        image_id=reading.text(item, "id"),
        name=reading.text(item, "name"),
        architecture=reading.text(item, "arch"),
        created=reading.text(item, "creation_date"),
        owner="" if public else OWN,
    )


def _list_labels(api: Api) -> list[OfferedImage]:
    """Return the marketplace's images, by the label that a create takes."""
    entries = api.entries("/marketplace/v2/images", "images", {"include_eol": "false"})
    return [
        OfferedImage(
            image_id=label,
            name=reading.text(each, "name") or label,
            created=reading.text(each, "updated_at"),
        )
        for each in entries
        if (label := reading.text(each, "label"))
    ]


def _get_image(api: Api, image: str) -> OfferedImage | None:
    try:
        reply = api.ask("GET", api.instance("images", image))
    except MissingError:
        return None
    found = reply.need_object("image")
    state = reading.text(found, "state")
    return _read_image(found) if state in {"available", ""} else None
