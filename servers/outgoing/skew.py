"""How far this machine's clock is from a cloud's, and what to say about it."""

import socket
import time
from email.utils import parsedate_to_datetime


def read_skew(date: str) -> float | None:
    """Return by how many seconds this machine is ahead, or None if unknown.

    ``date`` is an answer's Date header, or "".
    """
    try:
        theirs = parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return time.time() - theirs


def say_clock(skew: float | None) -> str:
    """Return what to do about this machine's clock, with ``skew`` if it is known."""
    by = ""
    if skew is not None:
        side = "ahead of" if skew > 0 else "behind"
        by = f", {round(abs(skew) / 60)} minutes {side} the cloud's"
    return (
        f"Set this machine's clock ({socket.gethostname()[:80]}{by}). "
        "The credentials are not at fault."
    )
