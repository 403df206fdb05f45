"""A clock that keeps running while the process is stopped or the machine sleeps."""

import time


def read() -> float:
    """Return seconds since some fixed moment (CLOCK_BOOTTIME if available)."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))
