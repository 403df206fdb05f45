"""The metrics of what servers cost, by account, template and pool."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from prometheus_client.core import GaugeMetricFamily, Metric

from servers.access.reach import all_accounts, all_pools, all_templates
from servers.lifecycle.billing import multiply
from servers.reports.costs import load_spending


def collect_costs(now: datetime) -> Iterator[Metric]:
    """Yield what servers cost since midnight and since the first of the month, UTC."""
    names: dict[UUID | None, str] = {
        **dict(all_accounts().values_list("pk", "name")),
        **dict(all_templates().values_list("pk", "name")),
        **dict(all_pools().values_list("pk", "name")),
    }
    spent: defaultdict[tuple[str, ...], Decimal] = defaultdict(Decimal)
    unknown: Counter[tuple[str, ...]] = Counter()
    for usage in load_spending(now=now).usages:
        # What was deleted has no name any more, but has cost what it has cost.
        keys = (usage.account, usage.template, usage.pool)
        named = tuple(names.get(key, "") for key in keys)
        for period, seconds in (("today", usage.today), ("month", usage.month)):
            if usage.price.per_hour is None:
                unknown[period, *named] += seconds
            else:
                key = (period, *named, usage.price.currency)
                spent[key] += multiply(usage.price.per_hour, seconds)
    cost = GaugeMetricFamily(
        "serverfleet_cost",
        "What instances cost today and this month (UTC), where the price is known.",
        labels=["period", "account", "template", "pool", "currency"],
    )
    for labels, amount in sorted(spent.items()):
        cost.add_metric(labels, float(amount))
    yield cost
    gaps = GaugeMetricFamily(
        "serverfleet_cost_unknown_seconds",
        "How long instances without a known price were billed, today and this month.",
        labels=["period", "account", "template", "pool"],
    )
    for where, seconds in sorted(unknown.items()):
        gaps.add_metric(where, seconds)
    yield gaps
