"""The order in which each server's placements are tried, by prices and boot times."""

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import connection

from servers.lifecycle.order import Figures, Order, Ranked, order_placements
from servers.lifecycle.snapshot import Placement
from servers.models import Server
from servers.placing.prices import find_price
from servers.records.boots import Boots, PlaceKey, read_place_boots

# A step must not read a week of boots, and percentiles change slowly.
KEPT_SECONDS: Final = 60.0
_MAX_KEPT: Final = 1000

_kept: dict[tuple[str, UUID], tuple[float, Mapping[PlaceKey, Boots]]] = {}
_lock = threading.Lock()


def order_all(
    servers: Sequence[Server],
    chosen: Mapping[UUID, tuple[Placement, ...]],
    *,
    now: datetime,
) -> dict[UUID, tuple[Ranked, ...]]:
    """Return the placements of each server in the order tried.

    At most one query for each template that orders by boot times and was not read in
    the last minute; none for the others.
    """
    found = {}
    for server in servers:
        placements, order = chosen[server.pk], Order(server.recipe.order)
        figures = {}
        if len(placements) > 1 and order is not Order.LISTED:
            figures = _read_figures(server, placements, order, now=now)
        found[server.pk] = order_placements(placements, order, figures)
    return found


def _read_figures(
    server: Server, placements: Sequence[Placement], order: Order, *, now: datetime
) -> dict[int, Figures]:
    if order is Order.CHEAPEST:
        return {each.position: Figures(find_price(each)) for each in placements}
    template = server.template_id
    boots = _recent_boots(template, now=now) if template else {}
    figures = {}
    for each in placements:
        known = boots.get((each.account, each.region, each.size), Boots())
        figures[each.position] = Figures(boots=known.count, seconds=known.usual)
    return figures


def _recent_boots(template: UUID, *, now: datetime) -> Mapping[PlaceKey, Boots]:
    key = (str(connection.settings_dict["NAME"]), template)
    with _lock:
        found = _kept.get(key)
    if found is not None and time.monotonic() - found[0] < KEPT_SECONDS:
        return found[1]
    boots = read_place_boots(template, now=now)
    with _lock:
        if len(_kept) >= _MAX_KEPT:
            _kept.clear()
        _kept[key] = (time.monotonic(), boots)
    return boots
