"""What an hour of a server costs where it is created, as far as that is known."""

import json
import threading
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import fields
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection

from servers.clouds.catalogue import OfferedSize
from servers.lifecycle.billing import UNKNOWN, Price
from servers.lifecycle.snapshot import Placement
from servers.models import Attempt, Catalogue, Server
from servers.placing.placements import read_placements

# Reading a catalogue takes milliseconds, and it changes once an hour.
KEPT_SECONDS: Final = 60.0
_MAX_KEPT: Final = 1000

_Place = tuple[UUID, str]  # an account and a region
_kept: dict[tuple[str, UUID, str], tuple[float, Mapping[str, Price]]] = {}
_lock = threading.Lock()


def find_price(placement: Placement) -> Price:
    """Return what an hour at a placement costs. It is frozen with the create call.

    At most one query, and none if its catalogue was read in the last minute.
    """
    return find_prices([placement])[0]


def find_prices(placements: Sequence[Placement]) -> list[Price]:
    """Return what an hour at each placement costs, in their order.

    The price that people have set comes first, then the one that the cloud lists for
    the size, as last told. At most one query, and none if all catalogues were read in
    the last minute.
    """
    # A catalogue has the usual price, and a spot instance costs less.
    asked = [
        (each.account, each.region)
        for each in placements
        if each.price_per_hour is None and not each.spot
    ]
    listed = _recent_prices(asked) if asked else {}
    found = []
    for each in placements:
        price = UNKNOWN
        if each.price_per_hour is not None:
            price = Price(each.price_per_hour, each.currency)
        elif not each.spot:
            price = listed[each.account, each.region].get(each.size, UNKNOWN)
        found.append(price)
    return found


def _recent_prices(places: Iterable[_Place]) -> dict[_Place, Mapping[str, Price]]:
    """Return the listed prices of accounts and regions, by size."""
    database, now = str(connection.settings_dict["NAME"]), time.monotonic()
    found: dict[_Place, Mapping[str, Price]] = {}
    missing = set()
    with _lock:
        for place in places:
            known = _kept.get((database, *place))
            if known is not None and now - known[0] < KEPT_SECONDS:
                found[place] = known[1]
            else:
                missing.add(place)
    if not missing:
        return found
    read = _read_prices(missing)
    with _lock:
        if len(_kept) >= _MAX_KEPT:
            _kept.clear()
        for place, prices in read.items():
            _kept[(database, *place)] = (time.monotonic(), prices)
    return found | read


def _read_prices(places: Collection[_Place]) -> dict[_Place, Mapping[str, Price]]:
    rows = Catalogue.objects.filter(
        account__in={account for account, _ in places},
        region__in={region for _, region in places},
    ).values_list("account", "region", "content")
    found: dict[_Place, Mapping[str, Price]] = {place: {} for place in places}
    for account, region, content in rows:
        if (account, region) in found and content:
            found[account, region] = _read_sizes(content)
    return found


def _read_sizes(content: str) -> dict[str, Price]:
    names = [field.name for field in fields(OfferedSize)]
    prices = {}
    for values in json.loads(content).get("sizes", ()):
        # One from an older version may lack newer fields.
        size: dict[str, Any] = dict(zip(names, values, strict=False))
        if size.get("price_per_hour") is not None:
            per_hour = Decimal(size["price_per_hour"])
            prices[size["name"]] = Price(per_hour, size.get("currency", "")[:3])
    return prices


def price_of(server: Server, attempts: Iterable[Attempt] | None = None) -> Price:
    """Return what an hour of a server costs, as its current attempt froze it.

    Before the first attempt, it is that of the placement where it will be created. At
    most three queries, one less if its ``attempts`` are loaded already.
    """
    if attempts is None:
        attempts = server.attempts.filter(number=server.attempt_number)
    for attempt in attempts:
        if attempt.number == server.attempt_number:
            return attempt.price
    here = (server.placement, server.account_id, server.region, server.size)
    for each in read_placements([server.recipe_id])[server.recipe_id]:
        # A request may have chosen another size, or a person adopted it elsewhere.
        if (each.position, each.account, each.region, each.size) == here:
            return find_price(each)
    return UNKNOWN
