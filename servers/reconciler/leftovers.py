"""Leftovers: what instances leave behind, such as volumes that are still billed.

ServerFleet looks for leftovers after instances have ended, and once an hour. A leftover
is deleted once it was seen twice, is older than ``grace``, and its attempt is certainly
over: no instance of the attempt is live, and its server is stopped or the attempt is
closed. A leftover that the database does not know waits for a person.
"""

import logging
from datetime import datetime, timedelta
from typing import Final

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from servers.clouds.base import CloudLeftover
from servers.clouds.port import Cloud
from servers.lifecycle.keys import parse_key
from servers.lifecycle.snapshot import Pace
from servers.lifecycle.states import CLOSED, State
from servers.models import Attempt, Fleet, Instance, Leftover, Location, Server
from servers.outgoing.errors import CallError
from servers.reconciler.owners import choose_owner, seen_by
from servers.records.ledger import Fact, database_now, write_event
from servers.reports.leaks.bounds import LEFTOVERS_EVERY

logger = logging.getLogger(__name__)

# How many are deleted per look. The next look deletes the next ones.
BATCH: Final = 20


def tidy_leftovers(
    location: Location, cloud: Cloud, *, fleet: Fleet, pace: Pace
) -> None:
    """Look for leftovers if it is time, and delete those that are due.

    Runs under the location's lease, after a complete listing confirmed the account.
    Raises CallError if the look itself fails.
    """
    started = database_now()
    location.refresh_from_db(fields=["leftovers_at"])
    if not _is_due(location, pace=pace, now=started):
        return
    shown = cloud.list_leftovers(fleet.fleet_id, deadline=cloud.timings.call)
    with transaction.atomic():
        _record(location, shown, fleet_id=fleet.fleet_id, started=started)
        Location.objects.filter(pk=location.pk).update(leftovers_at=started)
        if not fleet.destroys_frozen:
            _condemn_due(location, now=started, grace=pace.grace)
    rows = Leftover.objects.filter(account=location.account_id, region=location.region)
    if not fleet.destroys_frozen:
        condemned = rows.filter(condemned_at__isnull=False)
        # Those that failed before come last, so that they don't delay the others.
        for leftover in condemned.order_by("delete_error", "first_seen")[:BATCH]:
            _delete(leftover, cloud)


def _is_due(location: Location, *, pace: Pace, now: datetime) -> bool:
    last = location.leftovers_at
    if last is None or now - last >= LEFTOVERS_EVERY:
        return True
    if now - last < pace.grace:
        return False
    ended = Instance.objects.filter(
        account=location.account_id,
        region=location.region,
        gone_at__gt=last - pace.grace,
    )
    known = Leftover.objects.filter(account=location.account_id, region=location.region)
    return ended.exists() or known.exists()


def _record(
    location: Location,
    shown: tuple[CloudLeftover, ...],
    *,
    fleet_id: str,
    started: datetime,
) -> None:
    """Update the records to what a complete look showed."""
    here = Leftover.objects.filter(account=location.account_id, region=location.region)
    _settle_identity(location, here)
    for gone in here.exclude(resource_id__in=[entry.resource_id for entry in shown]):
        if gone.condemned_at is not None:
            write_event(
                Fact.LEFTOVER_GONE,
                account_id=location.account_id,
                reason=f"Deleted leftover {gone.kind} {gone.resource_id}.",
            )
        gone.delete()
    known = set(
        Leftover.objects.filter(
            seen_by(location.account), region=location.region
        ).values_list("resource_id", flat=True)
    )
    attempts = Attempt.objects.select_related("account").in_bulk(
        [entry.key for entry in shown if entry.key], field_name="key"
    )
    rows = []
    for entry in shown:
        if entry.resource_id in known or entry.fleet != fleet_id:
            continue
        key = parse_key(entry.key)
        rows.append(
            Leftover(
                account_id=choose_owner(location, attempts.get(entry.key)),
                identity=location.account.cloud_identity,
                region=location.region,
                resource_id=entry.resource_id[:255],
                kind=entry.kind,
                detail=entry.detail[:255],
                key=entry.key[:63],
                server_uid=key.server_id if key and key.fleet == fleet_id else None,
                first_seen=started,
            )
        )
    Leftover.objects.bulk_create(rows, ignore_conflicts=True)


def _settle_identity(location: Location, here: QuerySet[Leftover]) -> None:
    """Set the identity on leftovers that were recorded before it was known."""
    identity = location.account.cloud_identity
    early = here.filter(identity__isnull=True)
    if not identity or not early.exists():
        return
    twins = Leftover.objects.filter(identity=identity, region=location.region)
    early.filter(resource_id__in=twins.values("resource_id")).delete()
    early.update(identity=identity)


def _condemn_due(location: Location, *, now: datetime, grace: timedelta) -> None:
    """Condemn leftovers that are old enough and whose attempt is certainly over."""
    stopped = Server.objects.filter(pk=OuterRef("server_uid"), state=State.STOPPED)
    spent = Attempt.objects.filter(key=OuterRef("key")).filter(
        Q(outcome__in=CLOSED) | Q(Exists(stopped))
    )
    living = Instance.objects.filter(key=OuterRef("key"), live=True)
    due = Leftover.objects.filter(
        Exists(spent),
        ~Exists(living),
        account=location.account_id,
        region=location.region,
        condemned_at__isnull=True,
        # Recorded by an earlier look, so this is at least the second.
        first_seen__lt=now,
        first_seen__lte=now - grace,
    )
    for leftover in due[:BATCH]:
        Leftover.objects.filter(pk=leftover.pk).update(condemned_at=now)
        write_event(
            Fact.CONDEMNED,
            account_id=location.account_id,
            reason=f"The {leftover.kind} {leftover.resource_id} was left behind by an "
            "instance that has ended. It will be deleted.",
        )


def _delete(leftover: Leftover, cloud: Cloud) -> None:
    error = ""
    try:
        cloud.delete_leftover(leftover.resource_id, deadline=cloud.timings.call)
    except CallError as refusal:
        error = refusal.message
        logger.warning("Could not delete %s: %s", leftover.resource_id, error)
    if error != leftover.delete_error:
        Leftover.objects.filter(pk=leftover.pk).update(delete_error=error)
