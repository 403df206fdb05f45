"""How long unowned instances can exist if everything works."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import F, Q

from servers.lifecycle.backoff import MAX_SECONDS
from servers.lifecycle.snapshot import Pace

# ServerFleet looks for leftovers less often than for instances.
LEFTOVERS_EVERY: Final = timedelta(hours=1)


def bound_of(pace: Pace) -> timedelta:
    """Return how long a leak can exist after the last fault."""
    return pace.settle + pace.grace + 2 * pace.listing + timedelta(seconds=MAX_SECONDS)


def bound_of_leftovers(pace: Pace) -> timedelta:
    """Return how long a leftover can exist after its instance has ended."""
    return LEFTOVERS_EVERY + 3 * pace.grace


def is_outside(
    first_seen: datetime,
    decided_at: datetime | None,
    *,
    limit: timedelta,
    now: datetime,
) -> bool:
    """Tell whether an unowned instance or leftover should be gone by now.

    If it waited for a person beyond the limit, the limit starts again with the
    decision: it is being destroyed, so it is no leak.
    """
    late = decided_at is not None and decided_at - first_seen > limit
    begins = decided_at if late and decided_at is not None else first_seen
    return now - begins > limit


def outside_of(limit: timedelta, *, now: datetime) -> Q:
    """Return the same condition for rows of instances or leftovers."""
    early = Q(condemned_at__isnull=True) | Q(condemned_at__lt=now - limit)
    in_time = Q(condemned_at__lte=F("first_seen") + limit)
    return Q(first_seen__lt=now - limit) & (early | in_time)
