"""The templates to choose from: boot time, and how many servers are left."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import Count

from servers.access.reach import load_placed, reach_templates
from servers.lifecycle.billing import Price
from servers.models import Fleet, Template, TemplatePlacement
from servers.placing.prices import find_prices
from servers.records.boots import Boots, read_boots
from servers.records.limits import COUNTED

MAX_TEMPLATES: Final = 100
_FLEET: Final = "fleet"


@dataclass(frozen=True, slots=True)
class Choice:
    """One template to choose."""

    template: Template
    first: TemplatePlacement
    price: Price
    boot_seconds: float | None
    left: int | None  # None: nothing limits it
    limited_by: str
    why_not: str


def list_choices(fleet: Fleet, *, now: datetime) -> list[Choice]:
    """Return the templates, the default first. Four queries for any number of them."""
    templates = (
        reach_templates()
        .defer("user_data")
        .order_by("-is_default", "name")[:MAX_TEMPLATES]
    )
    boots = read_boots(now=now)
    used = _count_used()
    placed = load_placed(templates)
    prices = find_prices([each.first_placement.freeze() for each in placed])
    return [
        _describe(template, fleet, used, boots.get(template.pk, Boots()).usual, price)
        for template, price in zip(placed, prices, strict=True)
    ]


def _count_used() -> Counter[Any]:
    """Count the servers of each account, each template and the fleet by their keys.

    All count that count against a server limit, whoever can reach them.
    """
    used: Counter[Any] = Counter()
    rows = COUNTED.values_list("account", "template").annotate(Count("id"))
    for account, template, count in rows:
        used.update({account: count, template: count, _FLEET: count})
    return used


def _describe(
    template: Template,
    fleet: Fleet,
    used: Counter[Any],
    boot_seconds: float | None,
    price: Price,
) -> Choice:
    first = template.first_placement
    account = first.account
    caps = [
        (cap - count, by)
        for cap, count, by in (
            (account.max_servers, used[account.pk], f"the account {account.name}"),
            (template.max_servers, used[template.pk], "the template"),
            (fleet.max_servers, used[_FLEET], "the fleet"),
        )
        if cap is not None
    ]
    left, limited_by = min(caps, default=(None, ""))
    why_not = ""
    if not account.enabled:
        why_not = f"The account {account.name} is disabled."
    elif left is not None and left <= 0:
        why_not = f"The server limit of {limited_by} is reached."
    return Choice(
        template=template,
        first=first,
        price=price,
        boot_seconds=boot_seconds,
        left=None if left is None else max(0, left),
        limited_by=limited_by,
        why_not=why_not,
    )
