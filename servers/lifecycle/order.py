"""In what order a template's placements are tried: as listed, or by what is known.

A pure rule. Placements that compare equal keep their order in the list.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from servers.lifecycle.billing import UNKNOWN, Price
from servers.lifecycle.snapshot import Placement
from servers.wording import count_of, say_duration, say_price

# A placement with fewer boots of late keeps its place in the list.
LEAST_BOOTS: Final = 5
MIXED: Final = (
    "The placements' prices are in different currencies, so they are tried as listed."
)


class Order(StrEnum):
    """What decides which placement is tried first."""

    LISTED = "listed"
    CHEAPEST = "cheapest"
    QUICKEST = "quickest"


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known about a placement: its price, and its boots of late."""

    price: Price = UNKNOWN
    boots: int = 0
    seconds: float | None = None  # the usual boot time


@dataclass(frozen=True, slots=True)
class Ranked:
    """A placement, and why it stands where it does; "" as listed."""

    placement: Placement
    because: str = ""


def order_placements(
    placements: Sequence[Placement], order: Order, figures: Mapping[int, Figures]
) -> tuple[Ranked, ...]:
    """Return the placements in the order tried. ``figures`` are by position."""
    if len(placements) > 1:
        if order is Order.CHEAPEST:
            return _by_price(placements, figures)
        if order is Order.QUICKEST:
            return _by_boots(placements, figures)
    return tuple(Ranked(each) for each in placements)


def _by_price(
    placements: Sequence[Placement], figures: Mapping[int, Figures]
) -> tuple[Ranked, ...]:
    known, unknown = [], []
    for each in placements:
        price = figures.get(each.position, Figures()).price
        if price.per_hour is None:
            because = "Its price is unknown, so cheaper placements are tried first."
            unknown.append(Ranked(each, because))
        else:
            said = say_price(price.per_hour, price.currency)
            ranked = Ranked(each, f"The cheapest is tried first: {said} per hour.")
            known.append((price.per_hour, price.currency, ranked))
    if len({currency for _, currency, _ in known}) > 1:
        return tuple(Ranked(each, MIXED) for each in placements)
    if not known:
        return tuple(Ranked(each) for each in placements)
    known.sort(key=lambda found: found[0])
    return (*(ranked for _, _, ranked in known), *unknown)


def _by_boots(
    placements: Sequence[Placement], figures: Mapping[int, Figures]
) -> tuple[Ranked, ...]:
    """Sort those with enough boots among the places that they have in the list."""
    measured = []
    for each in placements:
        found = figures.get(each.position, Figures())
        if found.boots >= LEAST_BOOTS and found.seconds is not None:
            because = (
                f"The quickest is tried first: {say_duration(found.seconds)} "
                f"in the last {count_of(found.boots, 'boot')}."
            )
            measured.append((found.seconds, Ranked(each, because)))
    in_turn = iter(sorted(measured, key=lambda found: found[0]))
    positions = {ranked.placement.position for _, ranked in measured}
    return tuple(
        next(in_turn)[1] if each.position in positions else Ranked(each)
        for each in placements
    )
