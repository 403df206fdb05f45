"""What servers cost, today and this month: read from the sums and from live instances.

One query for any fleet: a single statement sees the sums and the rows at one moment, so
nothing counts twice while the purge adds to the sums. Amounts in different currencies
are never added up, and time without a known price is told as such.
"""

import threading
import time
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from django.db import connection
from django.db.models import Case, IntegerField, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Coalesce, Greatest

from servers.lifecycle.billing import (
    Price,
    count_seconds,
    multiply,
    start_of_day,
    start_of_month,
)
from servers.models import Attempt, DayCost, Instance, Server
from servers.models.cost import NO_POOL
from servers.models.instance import UNSUMMED
from servers.records.boots import Epoch
from servers.records.costs import find_begin, find_price

KEPT_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True)
class Usage:
    """The seconds that instances of one account, template and pool were billed.

    All at one price.

    ``whole`` counts only where all of it was loaded.
    """

    price: Price
    today: int
    month: int
    whole: int = 0
    account: UUID | None = None
    template: UUID | None = None
    pool: UUID | None = None


@dataclass(frozen=True, slots=True)
class Amount:
    """What was spent in one currency. The exact numbers; people see rounded ones."""

    currency: str
    today: Decimal = Decimal(0)
    month: Decimal = Decimal(0)
    whole: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Costs:
    """Amounts by currency, and the seconds for which no price is known."""

    amounts: tuple[Amount, ...] = ()
    unknown_today: int = 0
    unknown_month: int = 0
    unknown_whole: int = 0

    def as_dict(self) -> dict[str, object]:
        """Return the fields by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    @property
    def is_empty(self) -> bool:
        """Whether nothing was billed this month, as far as ServerFleet knows."""
        return not self.amounts and not self.unknown_month


@dataclass(frozen=True, slots=True)
class Spending:
    """What all accounts, templates and pools have used up to one moment."""

    usages: tuple[Usage, ...]
    at: datetime

    def of_all(self) -> Costs:
        """Return the costs of the whole fleet."""
        return add_up(self.usages)

    def of_account(self, account: UUID) -> Costs:
        """Return the costs of one account."""
        return add_up(each for each in self.usages if each.account == account)

    def of_template(self, template: UUID) -> Costs:
        """Return the costs of one template's servers."""
        return add_up(each for each in self.usages if each.template == template)

    def of_pool(self, pool: UUID) -> Costs:
        """Return the costs of one pool's servers."""
        return add_up(each for each in self.usages if each.pool == pool)


def say_exactly(amount: Decimal) -> str:
    """Return an amount as the API and the metrics tell it: to four places."""
    return f"{amount:.4f}"


def add_up(usages: Iterable[Usage]) -> Costs:
    """Return the costs of usages: one amount for each currency, sorted."""
    seconds: Counter[str] = Counter()
    found: dict[str, Amount] = {}
    for each in usages:
        price = each.price.per_hour
        if price is None:
            seconds.update(today=each.today, month=each.month, whole=each.whole)
            continue
        known = found.get(each.price.currency, Amount(each.price.currency))
        found[known.currency] = Amount(
            known.currency,
            known.today + multiply(price, each.today),
            known.month + multiply(price, each.month),
            known.whole + multiply(price, each.whole),
        )
    return Costs(
        tuple(found[name] for name in sorted(found)),
        seconds["today"],
        seconds["month"],
        seconds["whole"],
    )


def load_spending(*, now: datetime) -> Spending:
    """Return what the fleet has used today and this month. One query."""
    return _load(now, DayCost.objects.all(), Instance.objects.all())


def load_pool_spending(pools: Collection[UUID], *, now: datetime) -> Spending:
    """Return what the servers of some pools have used today and this month.

    One query, and none without pools.
    """
    if not pools:
        return Spending((), at=now)
    rows = Instance.objects.filter(attempt__pool__in=pools)
    return _load(now, DayCost.objects.filter(pool__in=pools), rows)


def _load(
    now: datetime, sums: QuerySet[DayCost], instances: QuerySet[Instance]
) -> Spending:
    rows = _read_sums(now, sums).union(_read_instances(now, instances), all=True)
    return Spending(
        tuple(
            Usage(
                Price(per_hour, currency or ""),
                int(today or 0),
                int(month or 0),
                account=account,
                template=template,
                pool=None if pool == NO_POOL else pool,
            )
            for account, template, pool, per_hour, currency, today, month in rows
        ),
        at=now,
    )


def _read_sums(now: datetime, sums: QuerySet[DayCost]) -> Any:
    """Return account, template, pool, price, currency, and seconds by period."""
    today, month = start_of_day(now).date(), start_of_month(now).date()
    by = ("account", "template", "pool", "price_per_hour", "currency")
    return (
        sums.filter(day__gte=month)
        .order_by()
        .values(*by)
        .annotate(
            used_today=Sum("seconds", filter=Q(day=today)), used_month=Sum("seconds")
        )
        .values_list(*by, "used_today", "used_month")
    )


def _read_instances(now: datetime, instances: QuerySet[Instance]) -> Any:
    """Return the same columns of what is not in the sums yet."""
    begin = Greatest(
        Epoch(Coalesce("attempt__asked_at", "first_seen")),
        Epoch(Coalesce("summed_until", "attempt__asked_at", "first_seen")),
    )
    end = Case(
        When(live=True, then=Value(int(now.timestamp()))),
        default=Epoch("gone_at"),
        output_field=IntegerField(),
    )
    rows = instances.filter(UNSUMMED).filter(
        Q(live=True) | Q(gone_at__gt=start_of_month(now))
    )
    used = {
        name: Sum(Greatest(Value(0), end - Greatest(begin, Value(int(since)))))
        for name, since in (
            ("used_today", start_of_day(now).timestamp()),
            ("used_month", start_of_month(now).timestamp()),
        )
    }
    by = (
        "account",
        "attempt__recipe__template",
        "attempt__pool",
        "attempt__price_per_hour",
        "attempt__currency",
    )
    return (
        rows.order_by()
        .values(*by)
        .annotate(**used)
        .values_list(*by, "used_today", "used_month")
    )


def cost_instances(
    instances: Iterable[Instance], attempts: Iterable[Attempt], *, now: datetime
) -> Costs:
    """Return what instances of some attempts cost: today, this month and in all.

    No query.
    """
    known = {attempt.pk: attempt for attempt in attempts}
    return add_up(
        _use(row, known.get(row.attempt_id) if row.attempt_id else None, now=now)
        for row in instances
    )


def cost_server(server: Server, *, now: datetime) -> Costs:
    """Return what all instances of a server cost, failed ones included. Two queries."""
    return cost_instances(
        Instance.objects.filter(server_uid=server.pk),
        Attempt.objects.filter(server_uid=server.pk),
        now=now,
    )


def _use(row: Instance, attempt: Attempt | None, *, now: datetime) -> Usage:
    begin = find_begin(row, attempt)
    end = now if row.live or row.gone_at is None else row.gone_at
    return Usage(
        find_price(attempt),
        today=count_seconds(max(begin, start_of_day(now)), end),
        month=count_seconds(max(begin, start_of_month(now)), end),
        whole=count_seconds(begin, end),
    )


_kept: dict[str, tuple[float, Spending]] = {}
_lock = threading.Lock()


def recent_spending(*, now: datetime) -> Spending:
    """Return what was used, at most some seconds old: many tabs request the same."""
    key = str(connection.settings_dict["NAME"])
    with _lock:
        found = _kept.get(key)
    if found is not None and time.monotonic() - found[0] < KEPT_SECONDS:
        return found[1]
    spending = load_spending(now=now)
    with _lock:
        _kept[key] = (time.monotonic(), spending)
    return spending
