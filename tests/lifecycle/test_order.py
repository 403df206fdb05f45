"""The order in which placements are tried."""

from decimal import Decimal

import pytest

from servers.lifecycle.billing import Price
from servers.lifecycle.order import LEAST_BOOTS, MIXED, Figures, Order, order_placements
from servers.lifecycle.snapshot import Placement

PLACES = tuple(Placement(position, size=f"s{position}") for position in range(4))


def cost(text: str, currency: str = "EUR") -> Figures:
    return Figures(Price(Decimal(text), currency))


def boot(seconds: float, count: int = LEAST_BOOTS) -> Figures:
    return Figures(boots=count, seconds=seconds)


@pytest.mark.parametrize(
    ("order", "figures", "expected"),
    [
        (Order.LISTED, {3: cost("0.01")}, [0, 1, 2, 3]),
        (Order.CHEAPEST, {}, [0, 1, 2, 3]),
        (Order.CHEAPEST, {3: cost("0.01")}, [3, 0, 1, 2]),
        (Order.CHEAPEST, {0: cost("0.3"), 2: cost("0.1")}, [2, 0, 1, 3]),
        (Order.CHEAPEST, {0: cost("0.1"), 2: cost("0.10")}, [0, 2, 1, 3]),
        (Order.CHEAPEST, {1: cost("0"), 2: cost("0.1")}, [1, 2, 0, 3]),
        (Order.CHEAPEST, {0: cost("0.3"), 2: cost("0.1", "USD")}, [0, 1, 2, 3]),
        (Order.QUICKEST, {}, [0, 1, 2, 3]),
        (Order.QUICKEST, {0: boot(30), 3: boot(10)}, [3, 1, 2, 0]),
        (Order.QUICKEST, {0: boot(30), 3: boot(10, 4)}, [0, 1, 2, 3]),
        (Order.QUICKEST, {n: boot(40 - n) for n in range(4)}, [3, 2, 1, 0]),
        (Order.QUICKEST, {n: boot(40) for n in range(4)}, [0, 1, 2, 3]),
    ],
)
def test_placements_are_tried_by_what_is_known_of_them(
    order: Order, figures: dict[int, Figures], expected: list[int]
) -> None:
    ranked = order_placements(PLACES, order, figures)
    assert [each.placement.position for each in ranked] == expected


def test_the_reason_is_told_with_its_figure() -> None:
    figures = {0: cost("0.3"), 1: cost("0.10")}
    first, second, third, _ = order_placements(PLACES, Order.CHEAPEST, figures)
    assert first.because == "The cheapest is tried first: 0.1 EUR per hour."
    assert "0.3 EUR" in second.because
    assert third.because.startswith("Its price is unknown")
    figures[1] = cost("0.1", "USD")
    assert {
        each.because for each in order_placements(PLACES, Order.CHEAPEST, figures)
    } == {MIXED}
    figures = {1: boot(12), 2: boot(95, 7)}
    told = [each.because for each in order_placements(PLACES, Order.QUICKEST, figures)]
    assert told[:2] == ["", "The quickest is tried first: 12 s in the last 5 boots."]
    assert "1 min 35 s in the last 7 boots" in told[2]
    for order in Order:
        (only,) = order_placements(PLACES[:1], order, {0: cost("1")})
        assert only.because == ""
