"""Forget what is long over. Only confirmed rows go; attempts stay longest."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from servers.ledger import database_now
from servers.lifecycle.states import CLOSED, State
from servers.models import (
    Attempt,
    Event,
    Heartbeat,
    IdempotentRequest,
    Instance,
    Listing,
    Server,
    Session,
    TemplateVersion,
)

LISTINGS_KEPT = timedelta(days=1)
HISTORY_KEPT = timedelta(days=30)
HEARTBEATS_KEPT = timedelta(hours=1)
KEYS_KEPT = timedelta(days=2)  # twice as long as an Idempotency-Key is valid
BATCH = 1000


def purge_history() -> None:
    """Delete rows, listings, events, attempts, sessions and so on past their time.

    In bounded batches: what is left goes the next time.
    """
    now = database_now()
    stopped = now - timedelta(seconds=settings.STOPPED_RETENTION)
    _delete(Server.objects.filter(state=State.STOPPED, stopped_at__lt=stopped))
    _delete(TemplateVersion.objects.filter(template=None, servers=None))
    _delete(Listing.objects.filter(started_at__lt=now - LISTINGS_KEPT))
    _delete(Event.objects.filter(at__lt=now - HISTORY_KEPT))
    _delete(Heartbeat.objects.filter(seen_at__lt=now - HEARTBEATS_KEPT))
    _delete(IdempotentRequest.objects.filter(created_at__lt=now - KEYS_KEPT))
    _delete(Session.objects.filter(expire_date__lt=now))
    _delete(Instance.objects.filter(live=False, gone_at__lt=now - HISTORY_KEPT))
    # An attempt that is forgotten would make its instance unexplained: only attempts
    # that are closed, whose row is gone, and that no live instance names.
    _delete(
        Attempt.objects.filter(
            outcome__in=CLOSED, closed_at__lt=now - HISTORY_KEPT, server=None
        ).exclude(instances__live=True)
    )


def _delete(rows: QuerySet[Any]) -> None:
    rows.model.objects.filter(
        pk__in=list(rows.values_list("pk", flat=True)[:BATCH])
    ).delete()
