"""Servers that wait for their create call, told as one line for what holds them.

Where another line names the cause already (no worker, a breaker, a listing that is too
old), that line tells how many wait for it. Our own rate, and a cloud that asked for
fewer calls, get a line of their own. Such servers are no alarm one by one.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.db.models import Count, Min

from servers.attention.items import Item, Kind
from servers.candidates import count_recent_creates
from servers.gates import explain_closed_gate
from servers.lifecycle.states import State
from servers.models import Account, Fleet, Server
from servers.scopes import pace_of_account

# What passes sooner needs nobody's attention.
LEAST_WAIT: Final = timedelta(seconds=10)
_WHOLE_FLEET: Final = (
    Kind.UNCONFIRMED,
    Kind.BROKER,
    Kind.NO_WORKER,
    Kind.HANGING,
    Kind.SLOW_DATABASE,
    Kind.NO_BEAT,
    Kind.NO_TICK,
)
_ACCOUNT: Final = (Kind.REFUSED, Kind.FAILING, Kind.UNLISTED)


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
    scopes: Iterable[Any], fleet: Fleet, *, now: datetime
) -> tuple[list[Queue], dict[Any, int]]:
    """Return what waits where, and the creates of each account's last minute.

    ``scopes`` have ``unexplained``. Two queries.
    """
    known = {(scope.account_id, scope.region): scope for scope in scopes}
    accounts = {scope.account_id: scope.account for scope in known.values()}
    rows = (
        Server.objects.filter(state=State.PENDING, hidden=False)
        .order_by()
        .values_list("account", "region")
        .annotate(count=Count("id"), since=Min("state_since"))
    )
    queues = []
    for key, region, count, since in rows:
        scope = known.get((key, region))
        if scope is None:  # its first listing is about to come
            continue
        account = accounts[key]
        pace = pace_of_account(account)
        closed = explain_closed_gate(scope, account, fleet=fleet, pace=pace, now=now)
        queues.append(Queue(account, region, count, since, closed, scope.unexplained))
    return queues, count_recent_creates(accounts, now=now)


def describe_backlog(
    items: Sequence[Item],
    queues: Sequence[Queue],
    recent: dict[Any, int],
    *,
    now: datetime,
) -> tuple[list[Item], set[tuple[Any, str]]]:
    """Return the items with what waits for each, and the places whose wait is told.

    Without database. The places are (account, region).
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
    """Return which item says already why these wait."""
    account = queue.account
    for index, item in enumerate(items):
        if item.kind in _WHOLE_FLEET:
            return index
        if item.account is None or item.account.pk != account.pk:
            continue
        if item.region and item.region != queue.region:
            continue
        is_cause = (
            (item.kind == Kind.BREAKER)
            or (item.kind in _ACCOUNT and bool(queue.closed))
            or (item.kind == Kind.UNEXPLAINED and queue.unexplained > 0)
        )
        if is_cause:
            return index
    return None


def _describe_hold(
    queue: Queue, total: int, recent: int, *, now: datetime
) -> Item | None:
    account = queue.account
    common: dict[str, Any] = {
        "kind": Kind.BACKLOG,
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
            sentence=f"{who}: the cloud asked {account.name} for fewer calls.",
            detail="Creates go on by themselves.",
            until=until,
            **common,
        )
    rate = account.creates_per_minute
    ends = now + timedelta(minutes=(total + recent - rate) / rate)
    if total + recent > rate and ends - now >= LEAST_WAIT:
        minutes = math.ceil((ends - now).total_seconds() / 60)
        about = "a minute" if minutes == 1 else f"{minutes} minutes"
        return Item(
            sentence=f"{who} for their turn: {account.name} is limited to {rate} "
            f"creates a minute. The last one is sent in about {about}.",
            detail="Raise the account's limit of creates a minute to go faster.",
            **common,
        )
    return None
