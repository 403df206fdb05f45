"""Tell by one query whether data that was read before is still current.

Triggers (triggers.py) bump the stamps in the transaction of a change. So if you read a
stamp and then the rows, the rows are at least as new as the stamp. On PostgreSQL the
triggers run at commit. Within a transaction its own changes don't show in the stamps,
so there ``read_stamps`` returns None.
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
    connection = connections[DEFAULT_DB_ALIAS]
    with connection.cursor() as cursor:
        cursor.execute(_CLOCK[connection.vendor])
        (now,) = cursor.fetchone()
    return now if isinstance(now, datetime) else datetime.fromisoformat(now)


def read_stamps() -> Stamps | None:
    """Return the stamps as of now; None inside a transaction. One query."""
    # Get the connection itself once: each access through Django's proxy costs
    # microseconds, and every request comes through here.
    connection = connections[DEFAULT_DB_ALIAS]
    if connection.in_atomic_block:
        return None
    row = _fetch(connection)
    if row is None:
        return Stamps()
    if connection.vendor == "sqlite":  # which has no type for times
        row = (*row[:-1], datetime.fromisoformat(row[-1]))
    return Stamps(*row)


def _fetch(connection: Any) -> tuple[Any, ...] | None:
    """Read the row. This also checks whether a persistent connection still works.

    It is the first query of most requests and can be repeated, so Django need not send
    its own health check before it.
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
