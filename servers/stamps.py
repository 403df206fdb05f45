"""Whether what was read before still holds: one query instead of all of it.

The stamps are bumped by triggers (triggers.py) in the transaction of the change, so
who reads a stamp, and then the rows, has rows that are as new as the stamp at least. On
PostgreSQL the triggers run as the transaction commits: inside of one, its own changes
do not show in the stamps, and ``read_stamps`` returns None.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS, OperationalError, connections

_READ: Final = {
    "postgresql": "SELECT servers, pages, listings, tokens, recipes, "
    "statement_timestamp() FROM servers_stamp WHERE id = 1",
    "sqlite": "SELECT servers, pages, listings, tokens, recipes, "
    "strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now') FROM servers_stamp WHERE id = 1",
}


_CLOCK: Final = {
    "postgresql": "SELECT statement_timestamp()",
    "sqlite": "SELECT strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')",
}


@dataclass(frozen=True, slots=True)
class Stamps:
    """See models.Stamp. All 0 where nothing was ever written."""

    servers: int = 0
    pages: int = 0
    listings: int = 0
    tokens: int = 0
    recipes: int = 0
    # By the database's clock; None where nothing was ever written.
    read_at: datetime | None = None


def read_clock(stamps: Stamps | None = None) -> datetime:
    """Return the database's time: that at which ``stamps`` were read, or now.

    It says what has expired: the clocks of the machines may differ. One query at most.
    """
    if stamps is not None and stamps.read_at is not None:
        return stamps.read_at
    connection = connections[DEFAULT_DB_ALIAS]
    with connection.cursor() as cursor:
        cursor.execute(_CLOCK[connection.vendor])
        (now,) = cursor.fetchone()
    return now if isinstance(now, datetime) else datetime.fromisoformat(now)


def read_stamps() -> Stamps | None:
    """Return the stamps as of now; None inside a transaction. One query."""
    # The connection itself, once: each look through Django's proxy costs microseconds,
    # and every request is here.
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.in_atomic_block:
        return None
    row = _fetch(connection)
    if row is None:
        return Stamps()
    if connection.vendor == "sqlite":  # it has no type for times
        row = (*row[:-1], datetime.fromisoformat(row[-1]))
    return Stamps(*row)


def _fetch(connection: Any) -> tuple[Any, ...] | None:
    """Read the row; it is also the look whether a connection that was kept still works.

    It is what most requests ask first, and may be asked again: so Django need not send
    a statement of its own before it, only to see an answer.
    """
    unproven = connection.connection is not None and (
        connection.health_check_enabled and not connection.health_check_done
    )
    connection.health_check_done = True
    try:
        with connection.cursor() as cursor:
            cursor.execute(_READ[connection.vendor])
            found: tuple[Any, ...] | None = cursor.fetchone()
            return found
    except OperationalError:
        if not unproven:
            raise
    connection.close()
    return _fetch(connection)
