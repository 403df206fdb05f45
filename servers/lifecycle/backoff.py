"""How long to wait before a retry."""

from datetime import timedelta

FIRST_SECONDS = 1.0
MAX_SECONDS = 60.0


def back_off(
    failures: int,
    jitter: float,
    *,
    first: float = FIRST_SECONDS,
    most: float = MAX_SECONDS,
) -> timedelta:
    """Return the wait after ``failures`` in a row: doubled each time, up to ``most``.

    ``jitter`` (0..1) places it in the upper half of that range, so that rows that
    failed together don't all retry at the same moment.
    """
    if failures <= 0:
        return timedelta(0)
    full = min(most, first * 2.0 ** min(failures - 1, 32))
    return timedelta(seconds=full * (0.5 + jitter / 2))
