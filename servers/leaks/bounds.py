"""How long what nobody owns may live, where all goes as it should."""

from datetime import datetime, timedelta
from typing import Final

from django.db.models import F, Q

from servers.lifecycle.backoff import MOST_SECONDS
from servers.lifecycle.snapshot import Pace

# Leftovers are looked for less often than instances.
LEFTOVERS_EVERY: Final = timedelta(hours=1)


def bound_of(pace: Pace) -> timedelta:
    """Return how long a leak may live after the last fault."""
    return pace.settle + pace.grace + 2 * pace.listing + timedelta(seconds=MOST_SECONDS)


def bound_of_leftovers(pace: Pace) -> timedelta:
    """Return how long a thing left behind may stay after its instance's end."""
    return LEFTOVERS_EVERY + 3 * pace.grace


def is_outside(
    first_seen: datetime,
    decided_at: datetime | None,
    *,
    limit: timedelta,
    now: datetime,
) -> bool:
    """Tell whether what no server owns should be gone by now.

    What waited for a person until after the limit has it once more from the decision
    on: its end is under way, and no leak.
    """
    late = decided_at is not None and decided_at - first_seen > limit
    begins = decided_at if late and decided_at is not None else first_seen
    return now - begins > limit


def outside_of(limit: timedelta, *, now: datetime) -> Q:
    """Return the same as a condition on rows of instances or leftovers."""
    early = Q(condemned_at__isnull=True) | Q(condemned_at__lt=now - limit)
    in_time = Q(condemned_at__lte=F("first_seen") + limit)
    return Q(first_seen__lt=now - limit) & (early | in_time)
