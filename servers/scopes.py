"""Scopes as the engine uses them: the cloud behind one, its pace, its call slots."""

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
from servers.clouds.base import (
    Cloud,
    CloudConfig,
    CloudError,
    InstanceNotFoundError,
    Timings,
)
from servers.clouds.registry import describe_kind, open_cloud, read_timings
from servers.errors import InvalidError
from servers.lifecycle.snapshot import Pace
from servers.models import Account, Scope
from servers.tallies import count_failure

# How much later each one comes back that was turned away since a call last ended.
QUEUE_STEP: Final = timedelta(milliseconds=50)
QUEUE_MOST: Final = timedelta(seconds=10)
# Seconds after which an account that asked for no call counts as not in use.
ALONE_AFTER: Final = 120.0
# Threads that are left for ticks and listings, whoever is alone.
KEPT_FREE: Final = 2


class BusyError(Exception):
    """As many calls as its account may have are under way in this process.

    ``wait`` is when to come back: soon where calls end quickly, later where they hang.
    """

    def __init__(self, wait: timedelta) -> None:
        super().__init__()
        self.wait = wait


def open_scope(account: Account, region: str) -> Cloud:
    """Return the cloud of one scope. Makes no call.

    Raises FleetError where the account's settings are not what its kind needs.
    """
    credentials = json.loads(account.credentials) if account.credentials else {}
    return open_cloud(
        account.kind,
        CloudConfig(
            account_id=str(account.pk),
            region=region,
            endpoint=account.endpoint,
            credentials=credentials,
            options={**_site_options(account.kind), **account.options},
        ),
    )


def _site_options(kind: str) -> dict[str, Any]:
    """Return what this installation, not the account's owner, says of a kind."""
    if kind == "sandbox":
        return {"folder": str(settings.SANDBOX_DIR)}
    return {}


def pace_of(cloud: Cloud) -> Pace:
    """Return a cloud's timings as the lifecycle takes them."""
    return _read_pace(cloud.timings)


def pace_of_account(account: Account) -> Pace:
    """Return an account's pace; reads go on where nothing of it can be opened.

    Timings that were accepted once and are not any more are told by its listings;
    until they are corrected the kind's own count.
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


def ensure_scope(account: Account, region: str) -> Scope:
    """Return the record of a location; from its first naming on, it is listed.

    In the caller's transaction, together with what names it: until that ends, nobody
    can retire it.
    """
    # One statement, which waits for whoever retires it at this moment.
    Scope.objects.bulk_create(
        [Scope(account=account, region=region)],
        update_conflicts=True,
        unique_fields=["account", "region"],
        update_fields=["region"],
    )
    return Scope.objects.get(account=account, region=region)


def hasten_listing(account_id: Any, region: str, *, within: timedelta) -> None:
    """Have the scope listed within a time from now, if that is sooner than planned."""
    soon = Now() + within
    Scope.objects.filter(
        account_id=account_id, region=region, next_listing_at__gt=soon
    ).update(next_listing_at=soon)


_slots: dict[UUID, int] = {}
_turned_away: dict[UUID, int] = {}
_asked: dict[UUID, float] = {}  # uptime in seconds
_slots_lock = threading.Lock()


@contextmanager
def call_slot(account: Account) -> Iterator[None]:
    """Hold one of the account's calls at once in this process; BusyError if none is.

    No account gets more than half of the threads that the others leave, so that however
    many clouds hang, the next one still finds a thread. Where no other account has
    asked for a while there is nobody to leave them to.
    """
    with _slots_lock:
        _raise_if_full(account)
        _slots[account.pk] = _slots.get(account.pk, 0) + 1
    try:
        with workload.calling():
            yield
    except CloudError as error:
        if not isinstance(error, InstanceNotFoundError):
            count_failure(error)
        raise
    finally:
        with _slots_lock:
            _turned_away.pop(account.pk, None)
            _slots[account.pk] -= 1
            if not _slots[account.pk]:
                del _slots[account.pk]


def check_call_slot(account: Account) -> None:
    """Raise BusyError where the account has no call left in this process now."""
    with _slots_lock:
        _raise_if_full(account)


def _raise_if_full(account: Account) -> None:
    now = time.monotonic()
    _asked[account.pk] = now
    used = _slots.get(account.pk, 0)
    left = settings.WORKER_THREADS - (sum(_slots.values()) - used)
    # Every account in use asks twice a minute at least, for its listing.
    alone = all(pk == account.pk or now - at > ALONE_AFTER for pk, at in _asked.items())
    fair = max(1, left - KEPT_FREE if alone else left // 2)
    if used < min(account.calls_at_once, fair):
        return
    _turned_away[account.pk] = _turned_away.get(account.pk, 0) + 1
    raise BusyError(min(QUEUE_MOST, _turned_away[account.pk] * QUEUE_STEP))
