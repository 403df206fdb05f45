"""Commits that need not outlive a power cut, or a crash of PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def soft_commit() -> Iterator[None]:
    """Run a transaction whose commit does not wait for the disk.

    Use it for what a later step would find out again, as if this one had died before
    the commit. The order of commits is kept, so no later commit survives without it.
    """
    if connection.in_atomic_block:  # the outer transaction decides
        with transaction.atomic():
            yield
    elif connection.vendor == "sqlite":
        _set_synchronous("NORMAL")
        try:
            with transaction.atomic():
                yield
        finally:
            _harden()
    else:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit TO off")
            yield


def wait_for_disk() -> None:
    """Let the transaction's commit wait after all. On SQLite, no process outlives it.

    For a transaction that takes the lease of another call: on PostgreSQL, the worker
    lives on if the database crashes.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL synchronous_commit TO on")


def _harden() -> None:
    try:
        _set_synchronous("FULL")
    except BaseException:
        connection.close()  # the next one begins with FULL
        raise


def _set_synchronous(level: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"PRAGMA synchronous = {level}")
