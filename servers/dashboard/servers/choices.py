"""The templates to choose from: boot time, and how many servers are left."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db.models import Count

from servers.access.reach import load_placed, reach_templates
from servers.models import Fleet, Template, TemplatePlacement
from servers.records.boots import Boots, read_boots
from servers.records.limits import COUNTED

MOST_TEMPLATES: Final = 100


@dataclass(frozen=True, slots=True)
class Choice:
    """One template to choose."""

    template: Template
    first: TemplatePlacement
    boot_seconds: float | None
    left: int | None  # None: nothing limits it
    limited_by: str
    why_not: str


def list_choices(fleet: Fleet, *, now: datetime) -> list[Choice]:
    """Return the templates, the default first. Three queries for any number of them."""
    templates = (
        reach_templates()
        .defer("user_data")
        .order_by("-is_default", "name")[:MOST_TEMPLATES]
    )
    boots = read_boots(now=now)
    used = _Used()
    return [
        _describe(template, fleet, used, boots.get(template.pk, Boots()).usual)
        for template in load_placed(templates)
    ]


class _Used:
    """How many servers count against each server limit, whoever can reach them."""

    def __init__(self) -> None:
        self.fleet = 0
        self.accounts: dict[UUID, int] = {}
        self.templates: dict[UUID | None, int] = {}
        rows: Iterable[Any] = COUNTED.values_list("account", "template").annotate(
            Count("id")
        )
        for account, template, count in rows:
            self.fleet += count
            self.accounts[account] = self.accounts.get(account, 0) + count
            self.templates[template] = self.templates.get(template, 0) + count


def _describe(
    template: Template, fleet: Fleet, used: _Used, boot_seconds: float | None
) -> Choice:
    first = template.first_placement
    account = first.account
    caps = [
        (cap - count, by)
        for cap, count, by in (
            (
                account.max_servers,
                used.accounts.get(account.pk, 0),
                f"the account {account.name}",
            ),
            (template.max_servers, used.templates.get(template.pk, 0), "the template"),
            (fleet.max_servers, used.fleet, "the fleet"),
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
        boot_seconds=boot_seconds,
        left=None if left is None else max(0, left),
        limited_by=limited_by,
        why_not=why_not,
    )
