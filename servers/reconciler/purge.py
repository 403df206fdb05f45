"""Delete old records. Only servers confirmed gone are deleted; attempts stay longest.

The purge takes one batch of each table in turn, each in its own short transaction,
until nothing is left or the time is over. It holds a lease, so that only one purge runs
at a time. A fence shows a purge that was suspended beyond its lease that another purge
has taken over.
"""

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, Max, OuterRef, Q, QuerySet
from django.db.models.functions import Now

from servers.lifecycle.snapshot import Pace
from servers.lifecycle.states import CLOSED, State
from servers.models import (
    Account,
    Attempt,
    DayCost,
    Event,
    Fleet,
    Heartbeat,
    HookDelivery,
    IdempotentRequest,
    Instance,
    Listing,
    Location,
    NoCapacity,
    PoolJob,
    PoolPlan,
    Registration,
    Server,
    Session,
    TemplateVersion,
)
from servers.models.instance import UNSUMMED
from servers.placing.locations import pace_of_account
from servers.reconciler.locations import tidy_locations
from servers.records.costs import sum_ended
from servers.records.ledger import database_now
from servers.records.registrations import list_orphaned

logger = logging.getLogger(__name__)


class _OvertakenError(Exception):
    """This purge took so long that another has started."""


LISTINGS_KEPT: Final = timedelta(days=1)
HISTORY_KEPT: Final = timedelta(days=30)
# A CI whose jobs get other ids each time it is asked must not fill the disk.
JOBS_KEPT: Final = 5_000_000
# The sums per day are small, and tell of the same month a year ago.
COSTS_KEPT: Final = timedelta(days=400)
HEARTBEATS_KEPT: Final = timedelta(hours=1)
DELIVERIES_KEPT: Final = timedelta(hours=1)
KEYS_KEPT: Final = timedelta(days=2)  # twice as long as an Idempotency-Key is valid
BATCH: Final = 1000
# A purge starts every ten minutes and continues where the last one stopped.
MAX_SECONDS: Final = 300.0
# Longer than a purge, to allow for its last batch.
LEASE: Final = timedelta(seconds=MAX_SECONDS + 60)


def purge_history(*, seconds: float = MAX_SECONDS) -> bool:
    """Delete records past their retention; retire locations that nothing needs.

    Return True if nothing was left, and False if the time ran out or another purge is
    running.
    """
    ends = time.monotonic() + seconds
    fence = _claim()
    if fence is None:
        return False
    left = list(_list_overdue(database_now()))
    try:
        # First, because what an instance has cost must outlive its row.
        while _sum_up(fence=fence) == BATCH and time.monotonic() < ends:
            pass
        while left and time.monotonic() < ends:
            # In turns, so that no table delays the others.
            left = [rows for rows in left if _delete(rows, fence=fence) == BATCH]
    except _OvertakenError:
        return False
    if not left:
        tidy_locations()
    else:
        logger.info("The purge ran out of time. The next purge continues.")
    Fleet.objects.filter(purge_fence=fence).update(purge_lease_until=None)
    return not left


def listings_kept(pace: Pace) -> timedelta:
    """Return how long listings are kept: a proof needs two that are a lag apart."""
    return LISTINGS_KEPT + pace.lag + pace.gate


def _claim() -> int | None:
    fence = Fleet.objects.values_list("purge_fence", flat=True).get()
    free = Q(purge_lease_until__isnull=True) | Q(purge_lease_until__lte=Now())
    taken = Fleet.objects.filter(free, purge_fence=fence).update(
        purge_fence=F("purge_fence") + 1, purge_lease_until=Now() + LEASE
    )
    return fence + 1 if taken else None


def _list_overdue(now: datetime) -> Iterator[QuerySet[Any]]:
    """Yield what is past its retention, one query per table."""
    stopped = now - timedelta(seconds=settings.STOPPED_RETENTION)
    yield Server.objects.filter(state=State.STOPPED, stopped_at__lt=stopped)
    yield TemplateVersion.objects.filter(template=None, servers=None)
    for location in Location.objects.select_related("account"):
        kept = listings_kept(pace_of_account(location.account))
        yield Listing.objects.filter(location=location, started_at__lt=now - kept)
    yield Event.objects.filter(at__lt=now - HISTORY_KEPT)
    yield PoolPlan.objects.filter(at__lt=now - HISTORY_KEPT)
    yield PoolJob.objects.filter(queued_at__lt=now - HISTORY_KEPT)
    newest = PoolJob.objects.aggregate(newest=Max("pk"))["newest"] or 0
    yield PoolJob.objects.filter(pk__lte=newest - JOBS_KEPT)
    yield Registration.objects.filter(revoked_at__lt=now - HISTORY_KEPT)
    yield list_orphaned()
    yield Heartbeat.objects.filter(seen_at__lt=now - HEARTBEATS_KEPT)
    yield HookDelivery.objects.filter(at__lt=now - DELIVERIES_KEPT)
    yield NoCapacity.objects.filter(until__lt=now)
    yield IdempotentRequest.objects.filter(created_at__lt=now - KEYS_KEPT)
    yield Session.objects.filter(expire_date__lt=now)
    for account in Account.objects.all():
        # While a server is kept, its own cost is counted from its instances.
        yield (
            Instance.objects.filter(
                account=account, live=False, gone_at__lt=now - HISTORY_KEPT
            )
            .exclude(UNSUMMED)
            .exclude(Exists(Server.objects.filter(pk=OuterRef("server_uid"))))
        )
    yield DayCost.objects.filter(day__lt=(now - COSTS_KEPT).date())
    # Without its attempt, an instance would be unknown. So delete only closed attempts
    # whose server's row is gone and that have no instance that is live or not summed.
    left = Instance.objects.filter(UNSUMMED, attempt=OuterRef("pk"))
    yield Attempt.objects.filter(
        outcome__in=CLOSED, closed_at__lt=now - HISTORY_KEPT, server=None
    ).exclude(Exists(left))


def _sum_up(*, fence: int) -> int:
    """Add a batch of instances that are gone to the sums per day; return its size."""
    with transaction.atomic():
        _check(fence, lock=True)
        return sum_ended(limit=BATCH)


def _check(fence: int, *, lock: bool = False) -> None:
    """Raise _OvertakenError if another purge may run. Lock: none can start."""
    held = Fleet.objects.filter(purge_fence=fence, purge_lease_until__gt=Now())
    if lock:
        held = held.select_for_update(no_key=True)
    if not list(held.values_list("pk")):
        raise _OvertakenError


def _delete(rows: QuerySet[Any], *, fence: int) -> int:
    """Delete a batch; return its size."""
    with transaction.atomic():
        _check(fence)
        found = list(rows.order_by().values_list("pk", flat=True)[:BATCH])
        rows.model.objects.filter(pk__in=found).delete()
    return len(found)
