"""The templates to choose from: what each makes, how soon, and how many are left."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import Any, Final
from uuid import UUID

from django.db.models import Count

from servers.lifecycle.states import PROVEN_GONE, Event
from servers.models import Event as EventRow
from servers.models import Fleet, Server, Template

MOST_TEMPLATES: Final = 100
# Of so many recent boots the usual ones are made.
MOST_BOOTS: Final = 300


@dataclass(frozen=True, slots=True)
class Choice:
    """One template, as a person chooses it."""

    template: Template
    boot_seconds: float | None
    left: int | None  # None: nothing limits it
    limited_by: str
    why_not: str


def list_choices(fleet: Fleet) -> list[Choice]:
    """Return the templates, the default first. Three queries for any number of them."""
    templates = (
        Template.objects.select_related("account")
        .defer("user_data", "account__credentials")
        .order_by("-is_default", "name")[:MOST_TEMPLATES]
    )
    boots = _find_boots()
    used = _Used()
    return [
        _describe(template, fleet, used, boots.get(template.pk))
        for template in templates
    ]


class _Used:
    """How many servers count against each cap."""

    def __init__(self) -> None:
        self.fleet = 0
        self.accounts: dict[UUID, int] = {}
        self.templates: dict[UUID | None, int] = {}
        rows: Iterable[Any] = (
            Server.objects.exclude(state__in=PROVEN_GONE)
            .order_by()
            .values_list("account", "template")
            .annotate(Count("id"))
        )
        for account, template, count in rows:
            self.fleet += count
            self.accounts[account] = self.accounts.get(account, 0) + count
            self.templates[template] = self.templates.get(template, 0) + count


def _describe(
    template: Template, fleet: Fleet, used: _Used, boot_seconds: float | None
) -> Choice:
    account = template.account
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
        why_not = f"The cap of {limited_by} is reached."
    return Choice(
        template=template,
        boot_seconds=boot_seconds,
        left=None if left is None else max(0, left),
        limited_by=limited_by,
        why_not=why_not,
    )


def _find_boots() -> Mapping[UUID, float]:
    """Return the usual seconds from asked for to ready, by template. One query."""
    recent = (
        EventRow.objects.filter(kind=Event.READY, server__template__isnull=False)
        .order_by("-id")
        .values_list("server__template", "at", "server__created_at")[:MOST_BOOTS]
    )
    found: dict[UUID, list[float]] = {}
    for template, ready, asked in recent:
        found.setdefault(template, []).append((ready - asked).total_seconds())
    return {template: median(seconds) for template, seconds in found.items()}
