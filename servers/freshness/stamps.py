"""Tell by one query whether data that was read before is still current.

Triggers (triggers.py) bump the stamps in the transaction of a change. So if you read a
stamp and then the rows, the rows are at least as new as the stamp. On PostgreSQL the
triggers run at commit. Within a transaction its own changes don't show in the stamps,
so there ``read_stamps`` returns None.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db import connection

NAMES: Final = ("servers", "pages", "listings", "tokens", "recipes")
_CLOCK: Final = {
    "postgresql": "SELECT statement_timestamp()",
    "sqlite": "SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')",
}
_READ: Final = {
    vendor: f"{clock}, {', '.join(NAMES)} FROM servers_stamp WHERE id = 1"
    for vendor, clock in _CLOCK.items()
}


@dataclass(frozen=True, slots=True)
class Stamps:
    """The stamps, as in models.Stamp. All are 0 if nothing was ever written."""

    servers: int = 0
    pages: int = 0
    listings: int = 0
    tokens: int = 0
    recipes: int = 0
    # By the database's clock; None if nothing was ever written.
    read_at: datetime | None = None


def read_clock(stamps: Stamps | None = None) -> datetime:
    """Return the database's time: when ``stamps`` were read, or now.

    Use it to decide what has expired, since the clocks of the machines may differ. At
    most one query.
    """
    if stamps is not None and stamps.read_at is not None:
        return stamps.read_at
    with connection.cursor() as cursor:
        cursor.execute(_CLOCK[connection.vendor])
        (now,) = cursor.fetchone()
    return now if isinstance(now, datetime) else datetime.fromisoformat(now)


def read_stamps() -> Stamps | None:
    """Return the stamps as of now; None inside a transaction. One query."""
    if connection.in_atomic_block:
        return None
    with connection.cursor() as cursor:
        cursor.execute(_READ[connection.vendor])
        row = cursor.fetchone()
    if row is None:
        return Stamps()
    now, *stamps = row
    if connection.vendor == "sqlite":  # which has no type for times
        now = datetime.fromisoformat(now)
    return Stamps(**dict(zip(NAMES, stamps, strict=True)), read_at=now)
