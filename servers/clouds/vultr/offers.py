"""Vultr's catalogue: regions, plans with prices, and what an instance starts from.

Source: the Vultr API reference, and lists that others saved. Prices are in US dollars.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from servers.clouds.catalogue import (
    Catalogue,
    ImageQuery,
    OfferedImage,
    OfferedSize,
    make_catalogue,
)
from servers.clouds.images import matches
from servers.clouds.vultr.errors import NAME
from servers.outgoing import reading
from servers.outgoing.errors import CredentialsError
from servers.outgoing.reply import Reply

# Yields the entries of all pages of a list: its name, which is its path, and a query.
Entries = Callable[..., Iterator[dict[str, Any]]]
Ask = Callable[..., Reply]

# Vultr's hours of a month: its hourly prices are the monthly ones through these.
_HOURS: Final = 730
_PLACES: Final = Decimal("0.00001")
_ARCHITECTURES: Final = {"x64": "x86_64", "i386": "i386", "arm64": "arm64"}
# These systems stand for an image of another kind.
_NO_SYSTEMS: Final = frozenset({"iso", "snapshot", "backup", "application"})
# Which list has which kinds of images.
_LISTS: Final = {
    "os": "os",
    "snapshot": "snapshots",
    "app": "applications",
    "image": "applications",
}


def read_catalogue(entries: Entries, *, region: str) -> Catalogue:
    """Return the catalogue of a region."""
    gaps: dict[str, str] = {}

    def ask(name: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        try:
            return list(entries(name, query))
        except CredentialsError as error:
            gaps[name] = f"{NAME} does not list {name}: {error.message}"
            return []

    regions = [reading.text(each, "id") for each in ask("regions")]
    sizes = [_read_size(each, region) for each in ask("plans", {"type": "all"})]
    lists = sorted(set(_LISTS.values()))
    images = [_read_image(name, each) for name in lists for each in ask(name)]
    if len(gaps) == len(lists) + 2:
        raise CredentialsError(gaps["regions"])
    return make_catalogue(
        regions=filter(None, regions),
        images=filter(None, images),
        sizes=filter(None, sizes),
        gaps=gaps.values(),
        has_all_images=not gaps.keys() & set(lists),
        has_all_sizes="plans" not in gaps,
    )


def find_images(entries: Entries, query: ImageQuery) -> tuple[OfferedImage, ...]:
    """Return the images with some ids, or the account's snapshots of a rule."""
    kinds = {each.partition(":")[0] for each in query.ids} or {"snapshot"}
    lists = sorted({_LISTS[kind] for kind in kinds if kind in _LISTS})
    shown = (_read_image(name, each) for name in lists for each in entries(name))
    found = {
        each.image_id: each
        for each in shown
        if each is not None and matches(each, query)
    }
    return tuple(found.values())


def _read_size(item: Mapping[str, Any], region: str) -> OfferedSize | None:
    """Return a plan, or None if the region does not have it."""
    plan = reading.text(item, "id")
    if not plan or region not in reading.texts(item, "locations"):
        return None
    price = _read_price(item)
    return OfferedSize(
        name=plan,
        cores=reading.whole(item, "vcpu_count"),
        memory_mib=reading.whole(item, "ram"),
        price_per_hour=price,
        currency="USD" if price is not None else "",
    )


def _read_price(item: Mapping[str, Any]) -> Decimal | None:
    """Return a plan's price per hour, or None if it has none."""
    price = reading.decimal(item, "hourly_cost")
    if price is None:
        monthly = reading.decimal(item, "monthly_cost")
        price = monthly / _HOURS if monthly is not None else None
    if price is None or not 0 <= price <= 10**6:
        return None
    return price.quantize(_PLACES)


def _read_image(name: str, item: Mapping[str, Any]) -> OfferedImage | None:
    """Return an entry of a list, or None if no create takes it."""
    image_id = reading.text(item, "id")
    if not image_id:
        return None
    if name == "snapshots":
        return _read_snapshot(item, image_id)
    if name == "os":
        if reading.text(item, "family") in _NO_SYSTEMS:
            return None
        arch = reading.text(item, "arch")
        return OfferedImage(
            image_id=f"os:{image_id}",
            name=reading.text(item, "name") or image_id,
            architecture=_ARCHITECTURES.get(arch, arch),
        )
    marketplace = reading.text(item, "image_id")
    return OfferedImage(
        image_id=f"image:{marketplace}" if marketplace else f"app:{image_id}",
        name=reading.text(item, "deploy_name") or reading.text(item, "name"),
    )


def _read_snapshot(item: Mapping[str, Any], image_id: str) -> OfferedImage | None:
    if reading.text(item, "status") not in {"", "complete"}:
        return None
    return OfferedImage(
        image_id=f"snapshot:{image_id}",
        name=reading.text(item, "description") or image_id,
        created=reading.text(item, "date_created"),
        owner="self",
    )
