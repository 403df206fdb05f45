"""The places of a recipe, and what decides whether one may be tried now."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count

from servers.breaker import explain_hold
from servers.lifecycle.states import PROVEN_GONE, Verdict
from servers.models import (
    Account,
    Attempt,
    Instance,
    Server,
    Template,
    TemplateVersion,
)

ScopeKey = tuple[UUID, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One place and size of a recipe, its account resolved."""

    index: int
    account: Account | None
    account_name: str
    region: str
    size: str


def list_candidates(
    recipe: Template | TemplateVersion, server: Server | None = None
) -> list[Candidate]:
    """Return the places of a recipe in their order: its own, then its fallbacks.

    The first is the server's own while it has made no attempt (it may override size
    and region). One query where a fallback names another account.
    """
    first = Candidate(
        0, recipe.account, recipe.account.name, recipe.region, recipe.size
    )
    names = {entry.get("account") for entry in recipe.candidates} - {None, ""}
    accounts = (
        {account.name: account for account in Account.objects.filter(name__in=names)}
        if names
        else {}
    )
    found = [first]
    for index, entry in enumerate(recipe.candidates, start=1):
        name = entry.get("account") or recipe.account.name
        account = accounts.get(
            name, recipe.account if name == first.account_name else None
        )
        default_region = (
            recipe.region
            if account == recipe.account
            else (account.region if account else "")
        )
        found.append(
            Candidate(
                index,
                account,
                name,
                entry.get("region") or default_region,
                entry.get("size") or recipe.size,
            )
        )
    if server is not None and server.attempt_number == 0:
        found[0] = replace(first, region=server.region, size=server.size)
    return found


class CandidateFacts:
    """What decides whether a create may be sent, for all accounts at once."""

    def __init__(self, accounts: Iterable[UUID], *, now: datetime) -> None:
        self.now = now
        accounts = list(accounts)
        self.unexplained = {
            (row["account"], row["region"]): row["count"]
            for row in Instance.objects.filter(
                account__in=accounts, live=True, verdict=Verdict.UNEXPLAINED
            )
            .values("account", "region")
            .annotate(count=Count("id"))
        }
        self.recent = dict(
            Attempt.objects.filter(
                account__in=accounts, asked_at__gt=self.now - timedelta(minutes=1)
            )
            .values_list("account")
            .annotate(Count("id"))
        )
        self.counted = count_servers(accounts)

    def no_create(self, key: ScopeKey) -> str:
        """Return why nothing may be created in a scope; "" where it may."""
        count = self.unexplained.get(key, 0)
        if not count:
            return ""
        return (
            f"{count} instance(s) there carry this fleet's tag, but the database does "
            "not know them. Nothing is created there until a person adopts or "
            "destroys them."
        )

    def hold(self, account: Account) -> str:
        """Return what holds creates of an account for a while, or ""."""
        if held := explain_hold(account, now=self.now):
            return held
        if account.throttled_until is not None and self.now < account.throttled_until:
            return f"{account.name} asked ServerFleet to slow down."
        if self.recent.get(account.pk, 0) >= account.creates_per_minute:
            return (
                f"{account.name} has reached its {account.creates_per_minute} creates "
                "a minute."
            )
        return ""

    def skip(self, server: Server, account: Account) -> str:
        """Return why the next candidate is to be tried instead, or ""."""
        if not account.enabled:
            return f"The account {account.name} is disabled."
        if account.health == Account.Health.REFUSED:
            return f"{account.name}: {account.health_note}"
        others = self.counted.get(account.pk, 0)
        if account.pk != server.account_id and others >= account.max_servers:
            return f"The cap of {account.name} ({account.max_servers}) is reached."
        return ""


def count_servers(accounts: Iterable[UUID]) -> dict[UUID, int]:
    """Return how many rows count against each account's cap: all not proven gone."""
    return dict(
        Server.objects.filter(account__in=accounts)
        .exclude(state__in=PROVEN_GONE)
        .values_list("account")
        .annotate(Count("id"))
    )
