"""The one writer of the sums per day: what instances that are gone have cost.

The cost of an instance is computed from its own row while it lives, and is added to the
sums once it is gone. The same transaction notes on the row until when it is summed. So
a crash neither loses nor doubles anything, and rows and sums together are exact at any
moment: an instance that was believed gone and shows again is billed on from there. Only
summed rows may be deleted.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from typing import Final, NamedTuple
from uuid import UUID

from django.db.models import F, Q

from servers.lifecycle.billing import UNKNOWN, Price, split_days
from servers.models import Attempt, DayCost, Instance
from servers.models.cost import NO_POOL
from servers.models.instance import UNSUMMED

ENDED: Final = Q(UNSUMMED, live=False, gone_at__isnull=False)


class DaySum(NamedTuple):
    """What one row of the sums is about."""

    day: date
    account: UUID
    template: UUID | None
    pool: UUID
    price_per_hour: Decimal | None
    currency: str


def find_price(attempt: Attempt | None) -> Price:
    """Return what an hour of an attempt's instance costs, as the attempt froze it."""
    return UNKNOWN if attempt is None else attempt.price


def find_begin(instance: Instance, attempt: Attempt | None) -> datetime:
    """Return since when an instance is billed: at the earliest, its create call."""
    return instance.first_seen if attempt is None else attempt.asked_at


def sum_ended(*, limit: int) -> int:
    """Add up to ``limit`` instances that are gone to the sums, and return how many.

    Runs in the caller's transaction, which holds the lease of the purge: two writers at
    once would add the same row of the sums.
    """
    rows = list(
        Instance.objects.filter(ENDED)
        .select_for_update(no_key=True, skip_locked=True, of=("self",))
        .select_related("attempt__recipe")
        .order_by("account_id", "pk")[:limit]  # the order of the index
    )
    if rows:
        _add(_count(rows))
        pks = [row.pk for row in rows]
        Instance.objects.filter(pk__in=pks).update(summed_until=F("gone_at"))
    return len(rows)


def _count(rows: Iterable[Instance]) -> Counter[DaySum]:
    seconds: Counter[DaySum] = Counter()
    for row in rows:
        assert row.gone_at is not None
        begin, price = find_begin(row, row.attempt), find_price(row.attempt)
        begin = max(begin, row.summed_until or begin)
        recipe = row.attempt.recipe if row.attempt else None
        template = recipe.template_id if recipe else None
        pool = (row.attempt.pool if row.attempt else None) or NO_POOL
        for day, length in split_days(begin, row.gone_at):
            key = DaySum(
                day, row.account_id, template, pool, price.per_hour, price.currency
            )
            seconds[key] += length
    return seconds


def _add(seconds: Counter[DaySum]) -> None:
    """Add seconds to the sums: two queries, and one for each sum that exists."""
    days = {each.day for each in seconds}
    accounts = {each.account for each in seconds}
    known = {
        DaySum(*row[1:]): row[0]
        for row in DayCost.objects.filter(day__in=days, account__in=accounts)
        .order_by()
        .values_list("pk", *DaySum._fields)
    }
    new = []
    for key, length in seconds.items():
        if key in known:
            row = DayCost.objects.filter(pk=known[key])
            row.update(seconds=F("seconds") + length)
        else:
            new.append(DayCost(**key._asdict(), seconds=length))
    DayCost.objects.bulk_create(new)
