"""One listing of one location: claim, list, compare, move, sweep."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from django.db import transaction
from django.db.models import Case, F, Q, Value, When

from servers.clouds.base import CloudListing
from servers.clouds.port import Cloud
from servers.errors import FleetError
from servers.lifecycle.backoff import back_off
from servers.lifecycle.states import LISTED_OFTEN
from servers.messaging import dispatch
from servers.models import Account, Fleet, Instance, Listing, Location, Server
from servers.outgoing.errors import (
    CallError,
    ClockError,
    CredentialsError,
    ThrottledError,
)
from servers.placing.breaker_events import watch_creations
from servers.placing.call_slots import BusyError, await_slot, call_slot, leave_line
from servers.placing.full import remember_full
from servers.placing.location_gate import is_confirmed
from servers.placing.locations import open_location, pace_of
from servers.reconciler.compare import Comparison, compare_listing
from servers.reconciler.follow import follow_listing
from servers.reconciler.leftovers import tidy_leftovers
from servers.reconciler.sweep import condemn_orphans
from servers.records.counters import count_fault
from servers.records.leases import name_process
from servers.records.ledger import database_now

logger = logging.getLogger(__name__)

# How many refusals in a row make a location count as refused, so that a single odd
# answer does not fail the servers that wait for it.
REFUSED_AFTER: Final = 2
AFTER_FAULT: Final = timedelta(seconds=10)
OTHER_ACCOUNT: Final = (
    "The credentials now belong to another account ({shown}), not to the recorded one "
    "({known}), so its listings prove nothing. Restore the credentials, or create a "
    "new account for {shown}."
)


@dataclass(frozen=True, slots=True)
class _Held:
    """A location under the lease of this process."""

    location: Location
    fence: int
    generation: int


def observe_location(location_pk: int) -> None:
    """List a location if its lease is free, and act on the listing."""
    held = _claim(location_pk)
    if held is None:
        return
    try:
        _observe(held)
    except Exception:
        # A bug: don't make the location wait for its lease to expire.
        logger.exception("A listing of %s failed.", held.location.account.name)
        count_fault()
        _release(held, next_in=AFTER_FAULT)


def _observe(held: _Held) -> None:
    account, pk = held.location.account, held.location.pk
    leave_line(dispatch.OBSERVE, pk)
    try:
        cloud = open_location(account, held.location.region)
        with call_slot(account):
            identity = _check_identity(cloud, account, held)
            started = database_now()
            listing = cloud.list_instances(
                Fleet.objects.get().fleet_id, deadline=cloud.timings.call
            )
            _compare_identity(listing.identity or identity, account)
    except BusyError as busy:
        _release(held, next_in=busy.wait)
        # First, because it moves all that boot there.
        await_slot(busy, dispatch.OBSERVE, pk, first=True)
    except (CallError, FleetError) as error:
        _record_failure(held, error)
    else:
        _record_listing(held, cloud, listing, started)


def _claim(location_pk: int) -> _Held | None:
    location = Location.objects.select_related("account").filter(pk=location_pk).first()
    if location is None:
        return None
    now = database_now()
    try:
        lease = pace_of(open_location(location.account, location.region)).lease
    except FleetError:
        lease = timedelta(minutes=1)
    taken = (
        Location.objects.filter(pk=location.pk, fence=location.fence)
        .filter(Q(lease_until__isnull=True) | Q(lease_until__lte=now))
        .update(fence=F("fence") + 1, lease_until=now + lease, lease_by=name_process())
    )
    if not taken:
        return None
    return _Held(location, location.fence + 1, location.account.generation)


def _check_identity(cloud: Cloud, account: Account, held: _Held) -> str:
    """Return the account's identity; ask for it if credentials or endpoint changed."""
    if held.location.compared_generation == held.generation:
        return account.identity
    return cloud.fetch_identity(deadline=cloud.timings.call)


def _compare_identity(shown: str, account: Account) -> None:
    if not shown or shown == account.identity:
        return
    if account.identity:
        raise FleetError(OTHER_ACCOUNT.format(shown=shown, known=account.identity))
    # The first process stores it; others compare with it.
    Account.objects.filter(pk=account.pk, identity="").update(identity=shown)
    account.refresh_from_db(fields=["identity"])
    _compare_identity(shown, account)


def _release(held: _Held, *, next_in: timedelta) -> None:
    Location.objects.filter(pk=held.location.pk, fence=held.fence).update(
        lease_until=None, next_listing_at=database_now() + next_in
    )


def _record_failure(held: _Held, error: CallError | FleetError) -> None:
    failures = held.location.failures + 1
    logger.warning("A listing of %s failed: %s", held.location, error.message)
    now = database_now()
    health = Location.Health.FAILING
    if isinstance(error, CredentialsError) and failures >= REFUSED_AFTER:
        health = Location.Health.REFUSED
    elif isinstance(error, ClockError):
        health = Location.Health.WRONG_CLOCK
    wait = back_off(failures, 0.5)
    if isinstance(error, ThrottledError) and error.retry_after:
        wait = max(wait, timedelta(seconds=min(error.retry_after, 60.0)))
    mine = Location.objects.filter(pk=held.location.pk, fence=held.fence)
    told = mine.filter(account__generation=held.generation).update(
        lease_until=None,
        failures=failures,
        error=error.message,
        next_listing_at=now + wait,
        **_note_health(health, now),
    )
    if not told:  # the credentials changed meanwhile, so the error says nothing
        mine.update(lease_until=None)


def _note_health(health: Location.Health, now: datetime) -> dict[str, Any]:
    """Return the columns for a location's health and since when it has had it."""
    since = Case(When(health=health, then=F("health_since")), default=Value(now))
    return {"health": health, "health_since": since}


def _record_listing(
    held: _Held, cloud: Cloud, listing: CloudListing, started: datetime
) -> None:
    location = held.location
    pace = pace_of(cloud)
    finished = database_now()
    fleet = Fleet.objects.get()
    with transaction.atomic():
        # The fence first: a process suspended beyond its lease has an outdated listing.
        newest = Location.objects.filter(
            pk=location.pk, fence=held.fence, account__generation=held.generation
        ).update(
            listed_from=started,
            compared_at=finished,
            compared_generation=held.generation,
            failures=0,
            error="",
            **_note_health(Location.Health.OK, finished),
        )
        if not newest:
            return
        comparison = compare_listing(
            location, listing, fleet_id=fleet.fleet_id, pace=pace, started=started
        )
        Listing.objects.create(
            location=location,
            started_at=started,
            finished_at=finished,
            instances=len(listing.instances),
            live=comparison.live,
        )
    if watch_creations(location.account, now=finished):
        logger.error(
            "%s has more instances than its servers account for. Its breaker is open.",
            location.account.name,
        )
    remember_full(comparison.full, now=finished)
    condemned = condemn_orphans(location, pace=pace, started=started, now=finished)
    for pk in condemned:
        dispatch.hint(dispatch.DESTROY, pk)
    follow_listing(location, comparison, fleet=fleet, now=database_now())
    busy = _is_busy(location, comparison)
    _tidy(location, cloud, fleet=fleet)
    wait = cloud.timings.listing_busy if busy else cloud.timings.listing_idle
    Location.objects.filter(pk=location.pk, fence=held.fence).update(
        lease_until=None, next_listing_at=started + timedelta(seconds=wait)
    )


def _tidy(location: Location, cloud: Cloud, *, fleet: Fleet) -> None:
    """Delete leftovers. If this fails, the listing itself still counts."""
    if not is_confirmed(fleet):
        return
    try:
        with call_slot(location.account):
            tidy_leftovers(location, cloud, fleet=fleet, pace=pace_of(cloud))
    except BusyError:
        return
    except CallError as error:
        logger.warning(
            "Could not list the leftovers of %s: %s",
            location,
            error.message,
        )


def _is_busy(location: Location, comparison: Comparison) -> bool:
    """Tell whether anything in the location waits for the next listing."""
    if comparison.unsettled:
        return True
    return (
        Server.objects.filter(state__in=LISTED_OFTEN)
        .filter(
            Q(account=location.account_id, region=location.region)
            | Q(attempts__account=location.account_id, attempts__region=location.region)
        )
        .exists()
        or Instance.objects.filter(
            account=location.account_id,
            region=location.region,
            live=True,
            condemned_at__isnull=False,
        ).exists()
    )
