"""The tick: send hints for everything due. Several ticks can run at the same time."""

from datetime import datetime, timedelta

from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from servers.messaging import dispatch
from servers.models import Fleet, Instance, Location, Server
from servers.operations import resume_due
from servers.records.ledger import database_now

# How many rows of a kind one tick sends hints for. The next tick takes the next ones.
BATCH = 200
# A lost hint is sent again after this time.
AGAIN = timedelta(seconds=10)
HEARTBEAT = timedelta(seconds=5)


def tick() -> int:
    """Send a hint for each due row; return how many. A handful of queries."""
    now = database_now()
    if Fleet.objects.filter(
        Q(ticked_at__isnull=True) | Q(ticked_at__lt=now - HEARTBEAT)
    ).update(ticked_at=now):
        resume_due(now)
    return _hint_servers(now) + _hint_locations(now) + _hint_instances(now)


def _hint_servers(now: datetime) -> int:
    # In turns, one of each account, so that ten thousand due rows of one account don't
    # delay the others.
    turn = Window(
        RowNumber(), partition_by=[F("account")], order_by=F("next_step_at").asc()
    )
    due = list(
        Server.objects.filter(next_step_at__lte=now)
        .filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now))
        .annotate(turn=turn)
        .order_by("turn", "next_step_at")
        .values_list("pk", flat=True)[:BATCH]
    )
    if due:
        # Only rows still due: an operation may have rescheduled some meanwhile.
        Server.objects.filter(pk__in=due, next_step_at__lte=now).update(
            next_step_at=now + AGAIN
        )
    for pk in due:
        dispatch.hint(dispatch.ADVANCE, pk)
    return len(due)


def _hint_locations(now: datetime) -> int:
    due = list(
        Location.objects.filter(next_listing_at__lte=now)
        .filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now))
        .order_by("next_listing_at")
        .values_list("pk", flat=True)[:BATCH]
    )
    if due:
        Location.objects.filter(pk__in=due, next_listing_at__lte=now).update(
            next_listing_at=now + AGAIN
        )
    for pk in due:
        dispatch.hint(dispatch.OBSERVE, pk)
    return len(due)


def _hint_instances(now: datetime) -> int:
    due = list(
        Instance.objects.filter(
            live=True, condemned_at__isnull=False, next_step_at__lte=now
        )
        .order_by("next_step_at")
        .values_list("pk", flat=True)[:BATCH]
    )
    if due:
        Instance.objects.filter(pk__in=due, next_step_at__lte=now).update(
            next_step_at=now + AGAIN
        )
    for pk in due:
        dispatch.hint(dispatch.DESTROY, pk)
    return len(due)
