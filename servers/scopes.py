"""Scopes as the engine uses them: the cloud behind one, its pace, its call slots."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models.functions import Now

from servers.clouds.base import Cloud, CloudConfig
from servers.clouds.registry import open_cloud
from servers.lifecycle.snapshot import Pace
from servers.models import Account, Scope


class BusyError(Exception):
    """As many calls as its account allows are under way in this process."""


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
    timings = cloud.timings
    return Pace(
        lease=timedelta(seconds=timings.lease),
        settle=timedelta(seconds=timings.settle),
        lag=timedelta(seconds=timings.lag),
        grace=timedelta(seconds=timings.grace),
        gate=timedelta(seconds=timings.gate),
        listing=timedelta(seconds=timings.listing_busy),
    )


def ensure_scope(account: Account, region: str) -> Scope:
    """Return the record of a scope; from its first naming on, it is listed."""
    scope, _ = Scope.objects.get_or_create(account=account, region=region)
    return scope


def hasten_listing(account_id: Any, region: str, *, within: timedelta) -> None:
    """Have the scope listed within a time from now, if that is sooner than planned."""
    soon = Now() + within
    Scope.objects.filter(
        account_id=account_id, region=region, next_listing_at__gt=soon
    ).update(next_listing_at=soon)


_slots: dict[UUID, int] = {}
_slots_lock = threading.Lock()


@contextmanager
def call_slot(account: Account) -> Iterator[None]:
    """Hold one of the account's calls at once in this process; BusyError if none is.

    A cloud that hangs then fills its own slots, and not all threads of the worker.
    """
    with _slots_lock:
        used = _slots.get(account.pk, 0)
        if used >= account.calls_at_once:
            raise BusyError
        _slots[account.pk] = used + 1
    try:
        yield
    finally:
        with _slots_lock:
            _slots[account.pk] -= 1
            if not _slots[account.pk]:
                del _slots[account.pk]
