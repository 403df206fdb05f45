"""A clock that neither a stopped process nor a sleeping machine can hold up."""

import time


def read() -> float:
    """Return seconds since some fixed moment (CLOCK_BOOTTIME where there is one)."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
