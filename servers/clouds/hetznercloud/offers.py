"""Hetzner Cloud's catalogue: locations, server types with prices, and images.

Source: the Hetzner Cloud API reference. Prices are net, without primary addresses.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, Final

from servers.clouds.catalogue import (
    Catalogue,
    OfferedImage,
    OfferedSize,
    make_catalogue,
)
from servers.clouds.hetznercloud.errors import NAME
from servers.outgoing import reading
from servers.outgoing.errors import CredentialsError

# Yields the entries of all pages of a list: its path, its name, and a query.
Entries = Callable[..., Iterator[dict[str, Any]]]

_ARCHITECTURES: Final = {"x86": "x86_64", "arm": "arm64"}


def read_catalogue(
    entries: Entries, *, location: str, fetch_currency: Callable[[], str]
) -> Catalogue:
    """Return the catalogue of a location."""
    gaps: dict[str, str] = {}

    def ask(name: str, **query: str) -> list[dict[str, Any]]:
        try:
            return list(entries(f"/{name}", name, query))
        except CredentialsError as error:
            gaps[name] = f"{NAME} does not list {name}: {error.message}"
            return []

    regions = [reading.text(each, "name") for each in ask("locations")]
    types = ask("server_types")
    # A deprecated image can be used until it is deleted.
    images = ask("images", status="available", include_deprecated="true")
    if len(gaps) == 3:
        raise CredentialsError(gaps["locations"])
    currency = fetch_currency()
    return make_catalogue(
        regions=filter(None, regions),
        images=filter(None, map(_read_image, images)),
        sizes=[
            size
            for each in types
            if (size := _read_size(each, location, currency)) is not None
        ],
        gaps=gaps.values(),
        has_all_images="images" not in gaps,
        has_all_sizes="server_types" not in gaps,
    )


def _read_size(
    item: dict[str, Any], location: str, currency: str
) -> OfferedSize | None:
    """Return a server type, or None if the location does not have it."""
    name = reading.text(item, "name")
    prices = reading.objects(item, "prices")
    here = [each for each in prices if reading.text(each, "location") == location]
    if not name or (prices and not here):
        return None
    price: Decimal | None = None
    if here:
        price = reading.decimal(here[0], "price_hourly", "net")
    memory = reading.number(item, "memory") or 0.0  # in GiB
    return OfferedSize(
        name=name,
        cores=reading.whole(item, "cores"),
        memory_mib=int(memory * 1024),
        price_per_hour=price if currency else None,
        currency=currency if price is not None else "",
    )


def _read_image(item: dict[str, Any]) -> OfferedImage | None:
    """Return an image. The cloud's own have names; snapshots go by their ids."""
    name = reading.text(item, "name")
    image_id = name or reading.text(item, "id")
    if not image_id:
        return None
    architecture = reading.text(item, "architecture")
    return OfferedImage(
        image_id=image_id,
        name=reading.text(item, "description") or name,
        architecture=_ARCHITECTURES.get(architecture, architecture),
        created=reading.text(item, "created"),
    )
