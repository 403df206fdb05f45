"""The account pages: the state of each account, its details, and its actions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Final

from django.db.models import OuterRef, Subquery
from django.urls import reverse
from django.views.generic import TemplateView

from servers.access.reach import find_account, reach_accounts
from servers.clouds.registry import describe_kind
from servers.dashboard.shared.live import COSTS_SECONDS, Live
from servers.dashboard.shared.messages import Action
from servers.errors import InvalidError
from servers.models import Account, Event, Listing, Location
from servers.models.account import UNHEALTHY
from servers.operations.accounts import find_templates
from servers.placing.breaker import explain_hold
from servers.records.limits import count_servers
from servers.reports.costs import recent_spending
from servers.reports.health import summarise_health

EVENTS_SHOWN: Final = 20
_TONES: Final = {
    Location.Health.UNKNOWN: "idle",
    Location.Health.OK: "good",
    **dict.fromkeys(UNHEALTHY, "bad"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """The current state of an account, in words for the pages."""

    account: Account
    servers: int  # that count against the limit
    label: str  # the kind's label
    word: str
    tone: str
    breaker: str  # a sentence, or "" while the breaker is closed
    throttled: bool
    rows: list[Location]
    failed: str  # the note of the worst location, or "" if all are healthy

    @property
    def oldest(self) -> datetime | None:
        """Return when the longest unlisted location was listed, or None for never."""
        times = [location.compared_at for location in self.rows]
        known = [at for at in times if at is not None]
        return min(known) if known and len(known) == len(times) else None

    @property
    def locations(self) -> list[tuple[Location, str, str]]:
        """Return each location with a word and a tone for its health."""
        return [
            (
                location,
                location.get_health_display(),
                _TONES[Location.Health(location.health)],
            )
            for location in self.rows
        ]


class AccountList(Live, TemplateView):
    """All accounts."""

    template_name = "accounts/list.html"
    permission_required = "servers.view_account"
    stamps: ClassVar[tuple[str, ...]] = ("pages", "listings")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Add the state of each account, in three queries."""
        data = super().get_context_data(**context)
        locations: dict[Any, list[Location]] = {}
        for location in Location.objects.order_by("region"):
            locations.setdefault(location.account_id, []).append(location)
        accounts = list(reach_accounts())
        servers = count_servers(account.pk for account in accounts)
        rows = [
            judge(
                account,
                locations.get(account.pk, ()),
                servers=servers.get(account.pk, 0),
                now=data["now"],
            )
            for account in accounts
        ]
        return data | {"rows": rows, "busy": any(row.tone == "bad" for row in rows)}


class AccountPage(Live, TemplateView):
    """One account."""

    template_name = "accounts/detail.html"
    bucket_seconds = COSTS_SECONDS
    permission_required = "servers.view_account"
    stamps: ClassVar[tuple[str, ...]] = ("pages", "listings")

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        """Load the account, its locations and its history."""
        account = find_account(self.kwargs["name"])
        data = super().get_context_data(**context)
        newest = Listing.objects.filter(location=OuterRef("pk")).order_by("-started_at")
        locations = account.locations.order_by("region").annotate(
            live_now=Subquery(newest.values("live")[:1])
        )
        servers = count_servers([account.pk]).get(account.pk, 0)
        row = judge(account, locations, servers=servers, now=data["now"])
        spending = recent_spending(now=data["now"])
        return data | {
            "row": row,
            "account": account,
            "acts": list_acts(row, self.request.user),
            "options": list_options(account),
            "costs": spending.of_account(account.pk),
            "costs_at": spending.at,
            "templates": find_templates(account),
            "history": Event.objects.filter(account=account).order_by("-id")[
                :EVENTS_SHOWN
            ],
            "busy": row.tone in {"bad", "warn"},
        }


def judge(
    account: Account, locations: Iterable[Location], *, servers: int, now: datetime
) -> Standing:
    """Return the current state of an account."""
    locations = list(locations)
    health = summarise_health(locations)
    word, tone = str(health.health.label), _TONES[health.health]
    throttled = account.throttled_until is not None and account.throttled_until > now
    breaker = explain_hold(account, now=now)
    if account.breaker != Account.Breaker.CLOSED and not breaker:
        breaker = (
            f"The circuit breaker of {account.name} was open. The next create "
            f"tests it. {account.breaker_note}"
        )
    if not account.enabled:
        word, tone = "disabled", "idle"
    elif tone == "good" and breaker:
        word, tone = "breaker open", "warn"
    elif tone == "good" and throttled:
        word, tone = "throttled", "warn"
    try:
        label = describe_kind(account.kind).label
    except InvalidError:
        label = account.kind
    failed = health.note if health.is_bad else ""
    return Standing(
        account, servers, label, word, tone, breaker, throttled, locations, failed
    )


def list_options(account: Account) -> list[tuple[str, str]]:
    """Return an account's options in words; none of them is a secret."""
    try:
        fields = describe_kind(account.kind).account_options
    except InvalidError:
        return []
    labels = {field.name: field.label for field in fields}
    return [
        (labels.get(name, name.capitalize()), describe_option(value))
        for name, value in account.options.items()
        if value not in ("", None, {}, [])
    ]


def describe_option(value: Any) -> str:
    """Return the value of an option in words."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {each}" for name, each in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return str(value)


def list_acts(row: Standing, user: Any) -> list[Action]:
    """Return the actions that a person can take on an account."""
    name = [row.account.name]
    switch = "disable" if row.account.enabled else "enable"
    acts = []
    if user.has_perm("servers.change_account"):
        acts += [
            Action("test", "Test account", reverse("test-account", args=name)),
            Action("scan", "Scan for orphans now", reverse("scan-account", args=name)),
            Action(
                "able", switch.capitalize(), reverse(f"{switch}-account", args=name)
            ),
        ]
    if user.has_perm("servers.delete_account"):
        url = reverse("delete-account", args=name)
        acts.append(Action("delete", "Delete…", url, method="GET", danger=True))
    return acts
