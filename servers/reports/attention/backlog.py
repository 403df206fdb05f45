"""Servers that wait for their create call: one item for each cause.

If another item already names the cause (no worker, a breaker, an old listing), that
item also says how many servers wait for it. The account's own rate limit, and a cloud
that asked for fewer calls, get their own items. These servers get no items one by one.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Min

from servers.access.reach import reach_servers
from servers.lifecycle.states import State
from servers.models import Account, Fleet
from servers.placing.location_gate import explain_closed_gate
from servers.placing.locations import pace_of_account
from servers.records.limits import count_recent_creates
from servers.reports.attention.items import Concern, Item

# Shorter waits need no attention.
LEAST_WAIT: Final = timedelta(seconds=10)
_WHOLE_FLEET: Final = (
    Concern.UNCONFIRMED,
    Concern.BROKER,
    Concern.NO_WORKER,
    Concern.HANGING,
    Concern.SLOW_DATABASE,
    Concern.NO_BEAT,
    Concern.NO_TICK,
)
_ACCOUNT: Final = (Concern.REFUSED, Concern.FAILING, Concern.UNLISTED)


@dataclass(frozen=True, slots=True)
class Queue:
    """The servers of one account and region that wait for their create call."""

    account: Account
    region: str
    count: int
    since: datetime
    closed: str = ""  # why its gate is closed
    unexplained: int = 0


def read_queues(
    locations: Iterable[Any], fleet: Fleet, *, now: datetime
) -> tuple[list[Queue], dict[Any, int]]:
    """Return the queues, and the number of creates per account in the last minute.

    ``locations`` are annotated with ``unexplained``. Two queries.
    """
    known = {(location.account_id, location.region): location for location in locations}
    accounts = {location.account_id: location.account for location in known.values()}
    rows = (
        reach_servers()
        .filter(state=State.PENDING, hidden=False)
        .order_by()
        .values_list("account", "region")
        .annotate(count=Count("id"), since=Min("state_since"))
    )
    queues = []
    for key, region, count, since in rows:
        location = known.get((key, region))
        if location is None:  # its first listing is still to come
            continue
        account = accounts[key]
        pace = pace_of_account(account)
        closed = explain_closed_gate(location, account, fleet=fleet, pace=pace, now=now)
        queues.append(
            Queue(account, region, count, since, closed, location.unexplained)
        )
    return queues, count_recent_creates(accounts, now=now)


def describe_backlog(
    items: Sequence[Item],
    queues: Sequence[Queue],
    recent: dict[Any, int],
    *,
    now: datetime,
) -> tuple[list[Item], set[tuple[Any, str]]]:
    """Return the items with the servers waiting for each, and the locations covered.

    Needs no database. A location is (account, region).
    """
    found = list(items)
    told = set()
    queued: dict[Any, int] = {}
    for queue in queues:
        queued[queue.account.pk] = queued.get(queue.account.pk, 0) + queue.count
    for queue in queues:
        index = _find_cause(found, queue, now=now)
        if index is not None:
            cause = found[index]
            found[index] = replace(cause, waiting=cause.waiting + queue.count)
            told.add((queue.account.pk, queue.region))
            continue
        total = queued[queue.account.pk]
        item = _describe_hold(queue, total, recent.get(queue.account.pk, 0), now=now)
        if item is not None:
            told.add((queue.account.pk, queue.region))
            if item.key not in {one.key for one in found}:
                found.append(item)
    return found, told


def _find_cause(items: list[Item], queue: Queue, *, now: datetime) -> int | None:
    """Return the index of the item that already says why these wait."""
    account = queue.account
    for index, item in enumerate(items):
        if item.kind in _WHOLE_FLEET:
            return index
        if item.account is None or item.account.pk != account.pk:
            continue
        if item.region and item.region != queue.region:
            continue
        is_cause = (
            (item.kind == Concern.BREAKER)
            or (item.kind in _ACCOUNT and bool(queue.closed))
            or (item.kind == Concern.UNEXPLAINED and queue.unexplained > 0)
        )
        if is_cause:
            return index
    return None


def _describe_hold(
    queue: Queue, total: int, recent: int, *, now: datetime
) -> Item | None:
    account = queue.account
    common: dict[str, Any] = {
        "kind": Concern.BACKLOG,
        "tone": "warn",
        "since": queue.since,
        "account": account,
        "state": State.PENDING.value,
    }
    who = "1 server waits" if total == 1 else f"{total} servers wait"
    if queue.closed and now - queue.since >= LEAST_WAIT:
        who = "1 server waits" if queue.count == 1 else f"{queue.count} servers wait"
        return Item(
            sentence=f"{who} for a listing of {account.name}.",
            detail=queue.closed,
            region=queue.region,
            **common,
        )
    until = account.throttled_until
    if until is not None and until > now + timedelta(seconds=1):
        return Item(
            sentence=f"{who} because the cloud asked {account.name} for fewer calls.",
            detail="Creates continue automatically.",
            until=until,
            **common,
        )
    rate = account.creates_per_minute
    ends = now + timedelta(minutes=(total + recent - rate) / rate)
    if total + recent > rate and ends - now >= LEAST_WAIT:
        minutes = math.ceil((ends - now).total_seconds() / 60)
        about = "a minute" if minutes == 1 else f"{minutes} minutes"
        return Item(
            sentence=f"{who} in the queue. {account.name} is limited to {rate} creates "
            f"per minute, so the last one is sent in about {about}.",
            detail="To go faster, raise the account's limit of creates per minute.",
            **common,
        )
    return None
