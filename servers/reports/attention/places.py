"""Accounts, their listings, and the instances there that no server owns."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from servers.clouds.base import WRONG_CLOCK, Timings
from servers.errors import FleetError
from servers.models import Account, Scope
from servers.placing.breaker import explain_opening
from servers.placing.locations import open_scope
from servers.reports.attention.items import (
    Item,
    Kind,
)
from servers.wording import count_of

# A due listing is hinted again every 10 s.
NEVER_AFTER: Final = timedelta(seconds=60)


def describe_scopes(scopes: Iterable[Any], *, now: datetime) -> Iterator[Item]:
    """Yield what is wrong with accounts, their locations and their listings.

    ``scopes`` are all scopes, grouped by account.
    """
    for _, group in groupby(scopes, key=lambda scope: scope.account_id):
        mine = list(group)
        same = len({scope.health for scope in mine}) == 1
        for scope in mine:
            yield from _describe_health(scope, whole=same)
            yield from _describe_scope(scope, now=now)


def _describe_health(scope: Any, *, whole: bool) -> Iterator[Item]:
    """``whole``: all locations of the account have the same health: one item."""
    account = scope.account
    about: dict[str, Any] = {
        "detail": scope.error,
        "since": scope.health_since,
        "account": account,
        "region": "" if whole else scope.region,
    }
    name = account.name if whole else str(scope)
    if scope.health == Scope.Health.REFUSED:
        yield Item(
            Kind.REFUSED,
            f"The cloud refuses the credentials of {name}. Enter new ones."
            if whole
            else f"The cloud refuses the credentials in {name}. Allow them in this "
            "region, or remove the region from your templates.",
            **about,
        )
    elif scope.health == Scope.Health.FAILING and scope.error.startswith(WRONG_CLOCK):
        yield Item(
            Kind.FAILING,
            f"{WRONG_CLOCK} {name} refuses its calls. Set the clock. The credentials "
            "are not at fault.",
            **about,
        )
    elif scope.health == Scope.Health.FAILING:
        yield Item(
            Kind.FAILING,
            f"{name} can't be reached, or answers with errors. ServerFleet tries "
            "again automatically. Without a fresh listing, nothing is created or "
            "destroyed there.",
            **about,
        )


def _describe_scope(scope: Any, *, now: datetime) -> Iterator[Item]:
    account = scope.account
    name = str(scope)
    if account.breaker != Account.Breaker.CLOSED:
        is_open = account.breaker == Account.Breaker.OPEN
        yield Item(
            Kind.BREAKER,
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
    if scope.health not in {Scope.Health.REFUSED, Scope.Health.FAILING}:
        yield from _describe_listing(scope, name, now=now)
    yield from _describe_strays(scope, name)


def _describe_listing(scope: Any, name: str, *, now: datetime) -> Iterator[Item]:
    try:
        timings = open_scope(scope.account, scope.region).timings
    except FleetError:
        timings = Timings()
    seen = scope.compared_at
    planned = scope.next_listing_at
    late = now - seen > timedelta(seconds=timings.gate) if seen else False
    never = seen is None and (bool(scope.failures) or now - planned > NEVER_AFTER)
    if late or never:
        yield Item(
            Kind.UNLISTED,
            f"{name} has no fresh listing, so nothing is created or destroyed there.",
            detail=scope.error,
            since=seen,
            account=scope.account,
            region=scope.region,
        )


def _describe_strays(scope: Any, name: str) -> Iterator[Item]:
    place: dict[str, Any] = {"account": scope.account, "region": scope.region}
    if scope.held:
        yield Item(
            Kind.HELD,
            f"{scope.held} instances in {name} belong to no server and need a "
            "decision. So many at once may mean that the records are wrong.",
            **place,
        )
    if scope.unexplained:
        yield Item(
            Kind.UNEXPLAINED,
            f"{name} has {count_of(scope.unexplained, 'unknown instance')}. Adopt or "
            "destroy each one. Creation is blocked until then.",
            **place,
        )
    if scope.orphans and not scope.held:
        yield Item(
            Kind.ORPHANS,
            f"{name} has {count_of(scope.orphans, 'orphan')}. Orphans belong to no "
            "server and are destroyed automatically once that is certain.",
            tone="warn",
            **place,
        )
