"""What an hour of a server costs where it is created, as far as that is known."""

import json
import threading
import time
from collections.abc import Iterable, Mapping
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

_kept: dict[tuple[str, UUID, str], tuple[float, Mapping[str, Price]]] = {}
_lock = threading.Lock()


def find_price(placement: Placement) -> Price:
    """Return what an hour at a placement costs. It is frozen with the create call.

    The price that people have set comes first, then the one that the cloud lists for
    the size, as last told. At most one query, and none if that was read in the last
    minute.
    """
    if placement.price_per_hour is not None:
        return Price(placement.price_per_hour, placement.currency)
    if placement.spot:
        # A catalogue has the usual price, and a spot instance costs less.
        return UNKNOWN
    listed = _recent_prices(placement.account, placement.region)
    return listed.get(placement.size, UNKNOWN)


def _recent_prices(account: UUID, region: str) -> Mapping[str, Price]:
    key = (str(connection.settings_dict["NAME"]), account, region)
    with _lock:
        found = _kept.get(key)
    if found is not None and time.monotonic() - found[0] < KEPT_SECONDS:
        return found[1]
    prices = _read_prices(account, region)
    with _lock:
        if len(_kept) >= _MAX_KEPT:
            _kept.clear()
        _kept[key] = (time.monotonic(), prices)
    return prices


def _read_prices(account: UUID, region: str) -> dict[str, Price]:
    row = Catalogue.objects.filter(account=account, region=region).first()
    if row is None or not row.content:
        return {}
    names = [field.name for field in fields(OfferedSize)]
    prices = {}
    for values in json.loads(row.content).get("sizes", ()):
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
