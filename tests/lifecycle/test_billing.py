"""Seconds and money: what is split into days adds up to the whole."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from servers.lifecycle.billing import (
    count_seconds,
    multiply,
    split_days,
    start_of_day,
    start_of_month,
)
from servers.wording import say_amount, say_price

BEGIN = datetime(2026, 1, 30, 22, 59, 59, 700_000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        (timedelta(0), []),
        (timedelta(milliseconds=200), []),
        (timedelta(milliseconds=400), [(date(2026, 1, 30), 1)]),
        (timedelta(hours=1), [(date(2026, 1, 30), 3600)]),
        (
            timedelta(hours=1, seconds=2),
            [(date(2026, 1, 30), 3601), (date(2026, 1, 31), 1)],
        ),
        (
            timedelta(days=2),
            [
                (date(2026, 1, 30), 3601),
                (date(2026, 1, 31), 86400),
                (date(2026, 2, 1), 86400 - 3601),
            ],
        ),
    ],
)
def test_a_time_is_split_at_midnight_and_loses_no_second(
    length: timedelta, expected: list[tuple[date, int]]
) -> None:
    days = list(split_days(BEGIN, BEGIN + length))
    assert days == expected
    whole = count_seconds(BEGIN, BEGIN + length)
    assert sum(seconds for _, seconds in days) == whole


def test_a_time_that_ends_before_it_begins_costs_nothing() -> None:
    assert list(split_days(BEGIN, BEGIN - timedelta(days=3))) == []
    assert count_seconds(BEGIN, BEGIN - timedelta(days=3)) == 0


def test_days_and_months_begin_in_utc_whatever_the_zone_of_the_time() -> None:
    late = datetime(2026, 3, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
    assert start_of_day(late) == datetime(2026, 2, 28, tzinfo=UTC)
    assert start_of_month(late) == datetime(2026, 2, 1, tzinfo=UTC)


def test_amounts_are_exact_and_small_ones_are_told_with_more_places() -> None:
    assert multiply(Decimal("0.0001"), 3600 * 10_000) == 1
    assert say_amount(Decimal("1234.5"), "EUR") == "1,234.50 EUR"
    assert say_amount(Decimal("0.00421"), "USD") == "0.0042 USD"
    assert say_amount(Decimal(0)) == "0.00"
    assert say_price(Decimal("100.0000"), "EUR") == "100 EUR"
    assert say_price(Decimal("0.04250000")) == "0.0425"
