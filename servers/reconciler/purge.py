"""Forget what is long over. Only confirmed rows go; attempts stay longest.

In batches, one of each table in turn, each a short transaction of its own, until
nothing is left or the time is over. One purge at a time: it holds a lease, and a fence
tells one that slept through its own that another has gone on.
"""

import logging
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from servers.ledger import database_now
from servers.lifecycle.snapshot import Pace
from servers.lifecycle.states import CLOSED, State
from servers.models import (
    Account,
    Attempt,
    Event,
    Fleet,
    Heartbeat,
    IdempotentRequest,
    Instance,
    Listing,
    Scope,
    Server,
    Session,
    TemplateVersion,
)
from servers.reconciler.locations import tidy_locations
from servers.scopes import pace_of_account

logger = logging.getLogger(__name__)


class _OvertakenError(Exception):
    """It took so long that another purge has begun."""


LISTINGS_KEPT: Final = timedelta(days=1)
HISTORY_KEPT: Final = timedelta(days=30)
HEARTBEATS_KEPT: Final = timedelta(hours=1)
KEYS_KEPT: Final = timedelta(days=2)  # twice as long as an Idempotency-Key is valid
BATCH: Final = 1000
# It is asked for every ten minutes, and goes on then.
MOST_SECONDS: Final = 300.0
# Longer than a purge by the time of its last batch.
LEASE: Final = timedelta(seconds=MOST_SECONDS + 60)


def purge_history(*, seconds: float = MOST_SECONDS) -> bool:
    """Delete all that is past its time; retire locations that nothing needs.

    True where nothing was left; False where the time was over, or another purges.
    """
    ends = time.monotonic() + seconds
    fence = _claim()
    if fence is None:
        return False
    left = list(_list_overdue(database_now()))
    try:
        while left and time.monotonic() < ends:
            # In turns, so that no table's writes hold up the others.
            left = [rows for rows in left if _delete(rows, fence=fence) == BATCH]
    except _OvertakenError:
        return False
    if not left:
        tidy_locations()
    else:
        logger.info("The purge goes on the next time: its time is over.")
    Fleet.objects.filter(purge_fence=fence).update(purge_lease_until=None)
    return not left


def listings_kept(pace: Pace) -> timedelta:
    """Return how long listings are kept: proofs need two that are a lag apart."""
    return LISTINGS_KEPT + pace.lag + pace.gate


def _claim() -> int | None:
    fence = Fleet.objects.values_list("purge_fence", flat=True).get()
    free = Q(purge_lease_until__isnull=True) | Q(purge_lease_until__lte=Now())
    taken = Fleet.objects.filter(free, purge_fence=fence).update(
        purge_fence=F("purge_fence") + 1, purge_lease_until=Now() + LEASE
    )
    return fence + 1 if taken else None


def _list_overdue(now: datetime) -> Iterator[QuerySet[Any]]:
    """Yield what is past its time, each by an index."""
    stopped = now - timedelta(seconds=settings.STOPPED_RETENTION)
    yield Server.objects.filter(state=State.STOPPED, stopped_at__lt=stopped)
    yield TemplateVersion.objects.filter(template=None, servers=None)
    for scope in Scope.objects.select_related("account"):
        kept = listings_kept(pace_of_account(scope.account))
        yield Listing.objects.filter(scope=scope, started_at__lt=now - kept)
    yield Event.objects.filter(at__lt=now - HISTORY_KEPT)
    yield Heartbeat.objects.filter(seen_at__lt=now - HEARTBEATS_KEPT)
    yield IdempotentRequest.objects.filter(created_at__lt=now - KEYS_KEPT)
    yield Session.objects.filter(expire_date__lt=now)
    for account in Account.objects.all():
        yield Instance.objects.filter(
            account=account, live=False, gone_at__lt=now - HISTORY_KEPT
        )
    # An attempt that is forgotten would make its instance unexplained: only attempts
    # that are closed, whose row is gone, and that no live instance names.
    yield Attempt.objects.filter(
        outcome__in=CLOSED, closed_at__lt=now - HISTORY_KEPT, server=None
    ).exclude(instances__live=True)


def _delete(rows: QuerySet[Any], *, fence: int) -> int:
    """Delete a batch; return how many were in it."""
    with transaction.atomic():
        held = Fleet.objects.filter(purge_fence=fence, purge_lease_until__gt=Now())
        if not held.exists():
            raise _OvertakenError
        found = list(rows.order_by().values_list("pk", flat=True)[:BATCH])
        rows.model.objects.filter(pk__in=found).delete()
    return len(found)
