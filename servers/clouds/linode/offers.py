"""Linode's catalogue: regions, plans with prices, images.

Source: the Linode API reference. Prices are in US dollars, without taxes.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from servers.clouds.catalogue import (
    Catalogue,
    OfferedImage,
    OfferedSize,
    make_catalogue,
)
from servers.clouds.linode.errors import NAME
from servers.outgoing import reading
from servers.outgoing.errors import CredentialsError
from servers.outgoing.reply import Reply

# Asks for one answer, and yields all pages of a list: its path, and a filter.
Ask = Callable[..., Reply]
Pages = Callable[..., Iterator[Reply]]

_MOST_PRICE: Final = Decimal(10**6)


def read_catalogue(pages: Pages, *, region: str) -> Catalogue:
    """Return the catalogue of a region."""
    gaps: dict[str, str] = {}

    def ask(path: str, name: str) -> list[dict[str, Any]]:
        found = []
        try:
            for reply in pages(path):
                found += reply.need_objects("data")
                if not may_read(reply, name):
                    gaps[name] = (
                        f"{NAME} lists only public {name}, because the token lacks the "
                        f"scope {name}:read_only."
                    )
        except CredentialsError as error:
            gaps[name] = f"{NAME} does not list {name}: {error.message}"
        return found

    regions = [reading.text(each, "id") for each in ask("/regions", "regions")]
    sizes = [_read_size(each, region) for each in ask("/linode/types", "plans")]
    images = [_read_image(each) for each in ask("/images", "images")]
    if len(gaps) == 3:
        raise CredentialsError(gaps["regions"])
    return make_catalogue(
        regions=filter(None, regions),
        images=filter(None, images),
        sizes=filter(None, sizes),
        gaps=gaps.values(),
        has_all_images="images" not in gaps,
        has_all_sizes="plans" not in gaps,
    )


def may_read(reply: Reply, name: str) -> bool:
    """Tell whether the token may read what an account has of a name.

    Each answer names its scopes. Regions and plans are no account's own.
    """
    scopes = reply.headers.get("X-OAuth-Scopes", "").replace(",", " ").split()
    if name != "images" or not scopes:
        return True
    return bool({"*", "images:read_only", "images:read_write"} & set(scopes))


def _read_size(item: Mapping[str, Any], region: str) -> OfferedSize | None:
    """Return a plan. Some regions have prices of their own."""
    name = reading.text(item, "id")
    if not name:
        return None
    price = reading.decimal(item, "price", "hourly")
    for each in reading.objects(item, "region_prices"):
        if reading.text(each, "id") == region:
            price = reading.decimal(each, "hourly")
    if price is not None and not 0 <= price <= _MOST_PRICE:
        price = None
    return OfferedSize(
        name=name,
        cores=reading.whole(item, "vcpus"),
        memory_mib=reading.whole(item, "memory"),
        price_per_hour=price,
        currency="USD" if price is not None else "",
    )


def _read_image(item: Mapping[str, Any]) -> OfferedImage | None:
    """Return an image, or None if a create would not take it yet."""
    image_id = reading.text(item, "id")
    if not image_id or reading.text(item, "status") not in {"", "available"}:
        return None
    public = reading.truth(item, "is_public") or image_id.startswith("linode/")
    shared = image_id.startswith("shared/")
    return OfferedImage(
        image_id=image_id,
        name=reading.text(item, "label") or image_id,
        created=reading.text(item, "created"),
        owner="linode" if public else "" if shared else "self",
    )
