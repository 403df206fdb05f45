"""Accounts, their listings, and the instances there that no server owns."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from servers.clouds.timings import Timings
from servers.errors import FleetError
from servers.models import Account, Location
from servers.models.account import UNHEALTHY
from servers.placing.breaker import explain_opening
from servers.placing.locations import open_location
from servers.reports.attention.items import Concern, Item
from servers.wording import count_of

# A due listing is hinted again every 10 s.
NEVER_AFTER: Final = timedelta(seconds=60)


def describe_locations(locations: Iterable[Any], *, now: datetime) -> Iterator[Item]:
    """Yield what is wrong with accounts, their locations and their listings.

    ``locations`` are all locations, grouped by account.
    """
    for _, group in groupby(locations, key=lambda location: location.account_id):
        mine = list(group)
        same = len({location.health for location in mine}) == 1
        for location in mine:
            yield from _describe_health(location, whole=same)
            yield from _describe_location(location, now=now)


def _describe_health(location: Any, *, whole: bool) -> Iterator[Item]:
    """``whole``: all locations of the account have the same health: one item."""
    account = location.account
    about: dict[str, Any] = {
        "detail": location.error,
        "since": location.health_since,
        "account": account,
        "region": "" if whole else location.region,
    }
    name = account.name if whole else str(location)
    if location.health == Location.Health.REFUSED:
        yield Item(
            Concern.REFUSED,
            f"The cloud refuses the credentials of {name}. Enter new ones."
            if whole
            else f"The cloud refuses the credentials in {name}. Allow them in this "
            "region, or remove the region from your templates.",
            **about,
        )
    elif location.health == Location.Health.WRONG_CLOCK:
        yield Item(
            Concern.FAILING,
            f"This machine's clock is wrong, so {name} refuses its calls.",
            **about,
        )
    elif location.health == Location.Health.FAILING:
        yield Item(
            Concern.FAILING,
            f"{name} can't be reached, or answers with errors. ServerFleet tries "
            "again automatically. Without a fresh listing, nothing is created or "
            "destroyed there.",
            **about,
        )


def _describe_location(location: Any, *, now: datetime) -> Iterator[Item]:
    account = location.account
    name = str(location)
    if account.breaker != Account.Breaker.CLOSED:
        is_open = account.breaker == Account.Breaker.OPEN
        yield Item(
            Concern.BREAKER,
            f"The circuit breaker of {account.name} is open. Nothing more is "
            "created there until one create has been tried."
            if is_open
            else f"One create is being tried in {account.name}, whose circuit "
            "breaker was open.",
            tone="bad" if is_open else "warn",
            detail=explain_opening(account),
            until=account.breaker_until if is_open else None,
            account=account,
        )
    # A cloud that refuses or fails has no fresh listing anyway.
    if location.health not in UNHEALTHY:
        yield from _describe_listing(location, name, now=now)
    yield from _describe_unowned(location, name)


def _describe_listing(location: Any, name: str, *, now: datetime) -> Iterator[Item]:
    try:
        timings = open_location(location.account, location.region).timings
    except FleetError:
        timings = Timings()
    seen = location.compared_at
    planned = location.next_listing_at
    late = now - seen > timedelta(seconds=timings.gate) if seen else False
    never = seen is None and (bool(location.failures) or now - planned > NEVER_AFTER)
    if late or never:
        yield Item(
            Concern.UNLISTED,
            f"{name} has no fresh listing, so nothing is created or destroyed there.",
            detail=location.error,
            since=seen,
            account=location.account,
            region=location.region,
        )


def _describe_unowned(location: Any, name: str) -> Iterator[Item]:
    place: dict[str, Any] = {"account": location.account, "region": location.region}
    if location.held:
        yield Item(
            Concern.HELD,
            f"{location.held} instances in {name} belong to no server and need a "
            "decision. So many at once may mean that the records are wrong.",
            **place,
        )
    if location.unexplained:
        yield Item(
            Concern.UNEXPLAINED,
            f"{name} has {count_of(location.unexplained, 'unknown instance')}. Adopt "
            "or destroy each one. Creation is blocked until then.",
            **place,
        )
    if location.orphans and not location.held:
        yield Item(
            Concern.ORPHANS,
            f"{name} has {count_of(location.orphans, 'orphan')}. Orphans belong to no "
            "server and are destroyed automatically once that is certain.",
            tone="warn",
            **place,
        )
