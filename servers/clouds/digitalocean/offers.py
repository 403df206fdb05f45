"""DigitalOcean's catalogue: regions, sizes with prices, images; and the limit.

Source: the DigitalOcean API reference. Prices are in US dollars.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from servers.clouds.catalogue import (
    Catalogue,
    ImageQuery,
    OfferedImage,
    OfferedSize,
    Quota,
    make_catalogue,
)
from servers.clouds.digitalocean.errors import NAME
from servers.clouds.digitalocean.launch import is_gpu
from servers.clouds.images import matches
from servers.outgoing import reading
from servers.outgoing.errors import CredentialsError, MissingError
from servers.outgoing.reply import Reply

# Yields the entries of all pages of a list: its path, its name, and a query.
Entries = Callable[..., Iterator[dict[str, Any]]]
Ask = Callable[..., Reply]

# Prices come as 0.00743999984115362 for 0.00744.
_PLACES: Final = Decimal("0.00001")
_LISTS: Final[dict[str, dict[str, str]]] = {
    "digitalocean": {"type": "distribution"},
    "self": {"private": "true"},
}


def read_catalogue(entries: Entries, *, region: str) -> Catalogue:
    """Return the catalogue of a region."""
    gaps: dict[str, str] = {}

    def ask(name: str, **query: str) -> list[dict[str, Any]]:
        try:
            return list(entries(f"/{name}", name, query))
        except CredentialsError as error:
            gaps[name] = f"{NAME} does not list {name}: {error.message}"
            return []

    regions = [
        reading.text(each, "slug")
        for each in ask("regions")
        if each.get("available") is not False
    ]
    sizes = [_read_size(each, region) for each in ask("sizes")]
    images = {
        image.image_id: image
        for query in _LISTS.values()
        for each in ask("images", **query)
        if (image := _read_image(each, region)) is not None
    }
    if len(gaps) == 3:
        raise CredentialsError(gaps["regions"])
    return make_catalogue(
        regions=filter(None, regions),
        images=images.values(),
        sizes=filter(None, sizes),
        gaps=gaps.values(),
        has_all_images="images" not in gaps,
        has_all_sizes="sizes" not in gaps,
    )


def find_images(
    ask: Ask, entries: Entries, query: ImageQuery, *, region: str, path: Any
) -> tuple[OfferedImage, ...]:
    """Return the images with some ids, or those of a rule."""
    if query.ids:
        return tuple(_get_images(ask, query.ids, region, path))
    listed = entries("/images", "images", _LISTS.get(query.owner, {}))
    shown = (_read_image(each, region) for each in listed)
    return tuple(each for each in shown if each is not None and matches(each, query))


def _get_images(
    ask: Ask, ids: tuple[str, ...], region: str, path: Any
) -> Iterator[OfferedImage]:
    for image_id in ids:
        try:
            item = ask("GET", path("images", image_id)).need_object("image")
        except MissingError:
            continue
        if _read_image(item, region) is not None:
            # By the id that was asked for: an image has a number, and may have a slug.
            yield _show_image(item, image_id)


def read_quotas(ask: Ask) -> tuple[Quota, ...]:
    """Return the team's limit of Droplets, if these credentials may see it."""
    account = ask("GET", "/account").need_object("account")
    limit = reading.number(account, "droplet_limit")
    if limit is None or limit < 0:
        return ()
    listed = ask("GET", "/droplets", query={"per_page": 1})
    used = reading.number(listed.data, "meta", "total")
    return (Quota("Droplets", limit, max(0.0, used) if used is not None else None),)


def _read_size(item: Mapping[str, Any], region: str) -> OfferedSize | None:
    """Return a size, or None if the region does not have it."""
    slug = reading.text(item, "slug")
    regions = reading.texts(item, "regions")
    if not slug or is_gpu(slug) or region not in regions or not is_available(item):
        return None
    price = reading.decimal(item, "price_hourly")
    if price is not None and (price < 0 or price > 10**6):
        price = None
    return OfferedSize(
        name=slug,
        cores=reading.whole(item, "vcpus"),
        memory_mib=reading.whole(item, "memory"),
        price_per_hour=price.quantize(_PLACES) if price is not None else None,
        currency="USD" if price is not None else "",
    )


def is_available(item: Mapping[str, Any]) -> bool:
    """Tell whether a size or a region takes new Droplets, or does not say."""
    return item.get("available") is not False


def _read_image(item: Mapping[str, Any], region: str) -> OfferedImage | None:
    """Return an image, or None if a create in the region would not take it."""
    image_id = reading.text(item, "slug") or reading.text(item, "id")
    if not image_id or find_fault(item, region):
        return None
    return _show_image(item, image_id)


def _show_image(item: Mapping[str, Any], image_id: str) -> OfferedImage:
    name = reading.text(item, "name")
    public = reading.truth(item, "public")
    if public:
        name = f"{reading.text(item, 'distribution')} {name}".strip()
    return OfferedImage(
        image_id=image_id,
        name=name or image_id,
        created=reading.text(item, "created_at"),
        owner="digitalocean" if public else "self",
    )


def find_fault(item: Mapping[str, Any], region: str) -> str:
    """Return why a region can't create a Droplet from an image, or ""."""
    status = reading.text(item, "status").lower()
    if status not in {"", "available"}:
        return f"it is {status}"
    regions = item.get("regions")
    if isinstance(regions, list) and region not in reading.texts(item, "regions"):
        return f"it is not in {region}; copy it there first"
    return ""
