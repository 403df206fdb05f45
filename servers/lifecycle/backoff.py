"""How long to wait before the same is tried again."""

from datetime import timedelta

FIRST_SECONDS = 1.0
MOST_SECONDS = 60.0


def back_off(
    failures: int,
    jitter: float,
    *,
    first: float = FIRST_SECONDS,
    most: float = MOST_SECONDS,
) -> timedelta:
    """Return the wait after ``failures`` in a row: doubled each time, a minute at most.

    ``jitter`` (0..1) spreads it over the upper half, so that rows that failed together
    do not return together.
    """
    if failures <= 0:
        return timedelta(0)
    full = min(most, first * 2.0 ** min(failures - 1, 32))
    return timedelta(seconds=full * (0.5 + jitter / 2))
