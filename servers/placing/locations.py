"""Locations as the engine uses them: their cloud and pace."""

import json
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models.functions import Now

from servers.clouds.base import CloudConfig
from servers.clouds.port import Cloud
from servers.clouds.registry import describe_kind, open_cloud, read_timings
from servers.clouds.timings import Timings
from servers.errors import InvalidError
from servers.lifecycle.snapshot import Pace
from servers.models import Account, Location


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
