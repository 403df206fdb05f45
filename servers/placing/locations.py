"""Locations as the engine uses them: their cloud, pace and call slots."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from servers import workload
from servers.clouds.base import CloudConfig
from servers.clouds.port import Cloud
from servers.clouds.registry import describe_kind, open_cloud, read_timings
from servers.clouds.timings import Timings
from servers.errors import InvalidError
from servers.lifecycle.snapshot import Pace
from servers.models import Account, Location
from servers.outgoing.errors import CallError, MissingError
from servers.records.counters import count_failure

# Each caller turned away since a call last ended must wait this much longer.
QUEUE_STEP: Final = timedelta(milliseconds=50)
QUEUE_MOST: Final = timedelta(seconds=10)
# An account that made no call for this many seconds counts as not in use.
ALONE_AFTER: Final = 120.0
# Threads kept free for ticks and listings even if only one account is in use.
KEPT_FREE: Final = 2


class BusyError(Exception):
    """The account has no call slot left in this process.

    ``wait`` is when to try again: soon if calls end quickly, later if they hang.
    """

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.wait = wait


def open_location(account: Account, region: str) -> Cloud:
    """Return the cloud of one location. Makes no call.

    Raises FleetError if the account's settings are not what its kind needs.
    """
    credentials = json.loads(account.credentials) if account.credentials else {}
    return open_cloud(
        account.kind,
        CloudConfig(
            account_id=str(account.pk),
            region=region,
            endpoint=account.endpoint,
            credentials=credentials,
            options=account.options,
            folder=str(settings.SANDBOX_DIR),
        ),
    )


def pace_of(cloud: Cloud) -> Pace:
    """Return a cloud's timings in the form that the lifecycle uses."""
    return _read_pace(cloud.timings)


def pace_of_account(account: Account) -> Pace:
    """Return an account's pace, even if its cloud can't be opened.

    If timings that were accepted once are now invalid, the account's listings report
    that. Until they are corrected, the timings of its kind are used.
    """
    try:
        return _read_pace(read_timings(account.kind, account.options))
    except InvalidError:
        return _read_pace(describe_kind(account.kind).timings)


def _read_pace(timings: Timings) -> Pace:
    return Pace(
        lease=timedelta(seconds=timings.lease),
        settle=timedelta(seconds=timings.settle),
        lag=timedelta(seconds=timings.lag),
        grace=timedelta(seconds=timings.grace),
        gate=timedelta(seconds=timings.gate),
        listing=timedelta(seconds=timings.listing_busy),
    )


def ensure_location(account: Account, region: str) -> Location:
    """Return the record of a location; create it if needed, so that it is listed.

    Call this in the transaction that also writes what names the location. Until that
    transaction ends, the location can't be retired.
    """
    # One statement, which waits if a purge is retiring the location now.
    Location.objects.bulk_create(
        [Location(account=account, region=region)],
        update_conflicts=True,
        unique_fields=["account", "region"],
        update_fields=["region"],
    )
    return Location.objects.get(account=account, region=region)


def hasten_listing(account_id: Any, region: str, *, within: timedelta) -> None:
    """Have the location listed within a time from now, unless planned sooner."""
    soon = Now() + within
    Location.objects.filter(
        account_id=account_id, region=region, next_listing_at__gt=soon
    ).update(next_listing_at=soon)


_slots: dict[UUID, int] = {}
_turned_away: dict[UUID, int] = {}
_asked: dict[UUID, float] = {}  # uptime in seconds
_slots_lock = threading.Lock()


@contextmanager
def call_slot(account: Account) -> Iterator[None]:
    """Hold one of the account's call slots in this process; BusyError if none is free.

    No account gets more than half of the threads that the others leave. So however many
    clouds hang, the next one still finds a thread. If no other account has made a call
    for a while, one account may use more.
    """
    with _slots_lock:
        _raise_if_full(account)
        _slots[account.pk] = _slots.get(account.pk, 0) + 1
    try:
        with workload.calling():
            yield
    except CallError as error:
        if not isinstance(error, MissingError):
            count_failure(error)
        raise
    finally:
        with _slots_lock:
            _turned_away.pop(account.pk, None)
            _slots[account.pk] -= 1
            if not _slots[account.pk]:
                del _slots[account.pk]


def check_call_slot(account: Account) -> None:
    """Raise BusyError if the account has no free call slot in this process now."""
    with _slots_lock:
        _raise_if_full(account)


def _raise_if_full(account: Account) -> None:
    now = time.monotonic()
    _asked[account.pk] = now
    used = _slots.get(account.pk, 0)
    left = settings.WORKER_THREADS - (sum(_slots.values()) - used)
    # Every account in use makes at least two calls a minute, for its listings.
    alone = all(pk == account.pk or now - at > ALONE_AFTER for pk, at in _asked.items())
    fair = max(1, left - KEPT_FREE if alone else left // 2)
    if used < min(account.calls_at_once, fair):
        return
    _turned_away[account.pk] = _turned_away.get(account.pk, 0) + 1
    raise BusyError(min(QUEUE_MOST, _turned_away[account.pk] * QUEUE_STEP))
