"""What an instance costs: a price per hour, frozen at its create call, times its time.

An instance is billed from its create call until it is seen to be gone, whatever became
of its server. Days and months are in UTC. Times are counted in whole seconds, so that
the sums of the days are exactly the whole.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Final

ZONE: Final = "UTC"
_HOUR: Final = 3600
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Price:
    """What an hour costs; None if that is unknown. The currency may have no name."""

    per_hour: Decimal | None = None
    currency: str = ""


UNKNOWN: Final = Price()


def start_of_day(now: datetime) -> datetime:
    """Return when the day began."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def start_of_month(now: datetime) -> datetime:
    """Return when the month began."""
    return start_of_day(now).replace(day=1)


def count_seconds(begin: datetime, end: datetime) -> int:
    """Return the whole seconds between two times, 0 if there are none.

    Both are rounded down first, so parts of a time add up to the whole.
    """
    return max(0, int(end.timestamp()) - int(begin.timestamp()))


def split_days(begin: datetime, end: datetime) -> Iterator[tuple[date, int]]:
    """Yield the seconds of each day between two times."""
    midnight = start_of_day(begin)
    while midnight < end:
        following = midnight + _DAY
        seconds = count_seconds(max(begin, midnight), min(end, following))
        if seconds:
            yield midnight.date(), seconds
        midnight = following


def multiply(per_hour: Decimal, seconds: int) -> Decimal:
    """Return what some seconds cost."""
    return per_hour * seconds / _HOUR
