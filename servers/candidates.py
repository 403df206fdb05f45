"""The places of a recipe, and what decides whether one may be tried now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Q

from servers.breaker import explain_hold, is_by_failures
from servers.lifecycle.snapshot import Hold
from servers.lifecycle.states import PROVEN_GONE, Verdict
from servers.models import (
    Account,
    Attempt,
    Instance,
    Scope,
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
    recipe: Template | TemplateVersion,
    server: Server | None = None,
    *,
    accounts: Mapping[str, Account] | None = None,
) -> list[Candidate]:
    """Return the places of a recipe in their order: its own, then its fallbacks.

    The first is the server's own, whose size and region it may have been asked for.
    ``accounts`` are all there are, by name; without them it is one query where a
    fallback names another account.
    """
    first = Candidate(
        0, recipe.account, recipe.account.name, recipe.region, recipe.size
    )
    names = {entry.get("account") for entry in recipe.candidates} - {None, ""}
    if accounts is None:
        found_names = Account.objects.filter(name__in=names) if names else ()
        accounts = {account.name: account for account in found_names}
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
    if server is not None:
        found[0] = replace(
            first,
            region=server.first_region or recipe.region,
            size=server.first_size or recipe.size,
        )
    return found


def list_kinds(candidates: Iterable[Candidate]) -> tuple[str, ...]:
    """Return the kinds of clouds that a recipe's servers may be created in."""
    accounts = (candidate.account for candidate in candidates)
    return tuple(dict.fromkeys(account.kind for account in accounts if account))


@dataclass(frozen=True, slots=True)
class Held:
    """What keeps a create from an account, and until when, where that is known."""

    hold: Hold
    because: str = ""
    until: datetime | None = None


class CandidateFacts:
    """What decides whether a create may be sent, for all accounts at once."""

    def __init__(self, accounts: Mapping[UUID, Account], *, now: datetime) -> None:
        self.now = now
        self.unexplained = count_unexplained(accounts.values())
        pks = list(accounts)
        self.recent = count_recent_creates(pks, now=now)
        self.counted = count_servers(pks)

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

    def find_hold(self, server: Server, account: Account, scope: Scope | None) -> Held:
        """Return what keeps a create of ``server`` from a location now."""
        if not account.enabled:
            return Held(Hold.UNUSABLE, f"The account {account.name} is disabled.")
        if scope is not None and scope.health == Scope.Health.REFUSED:
            return Held(Hold.UNUSABLE, f"{scope}: {scope.error}")
        others = self.counted.get(account.pk, 0)
        if account.pk != server.account_id and others >= account.max_servers:
            return Held(
                Hold.FULL,
                f"The cap of {account.name} ({account.max_servers}) is reached.",
            )
        if because := explain_hold(account, now=self.now):
            hold = Hold.BROKEN if is_by_failures(account) else Hold.OURS
            return Held(hold, because, account.breaker_until)
        pause = account.throttled_until
        if pause is not None and self.now < pause:
            return Held(
                Hold.THROTTLED,
                f"{account.name} asked ServerFleet to slow down.",
                pause,
            )
        if self.recent.get(account.pk, 0) >= account.creates_per_minute:
            return Held(
                Hold.OURS,
                f"{account.name} has reached its {account.creates_per_minute} creates "
                "a minute.",
            )
        return Held(Hold.NONE)


def count_recent_creates(accounts: Iterable[UUID], *, now: datetime) -> dict[UUID, int]:
    """Return how many creates each account's limit a minute counts now. One query."""
    return dict(
        Attempt.objects.filter(
            account__in=list(accounts), asked_at__gt=now - timedelta(minutes=1)
        )
        .order_by()
        .values_list("account")
        .annotate(Count("id"))
    )


def count_unexplained(accounts: Iterable[Account]) -> dict[ScopeKey, int]:
    """Return how many instances in each scope the database can't explain.

    Whoever owns them: an account that sees them may have made them as well.
    """
    accounts = list(accounts)
    identities = {account.cloud_identity for account in accounts} - {None}
    counts: dict[ScopeKey, int] = {}
    rows = (
        Instance.objects.filter(
            live=True,
            verdict=Verdict.UNEXPLAINED,
            condemned_at__isnull=True,  # nobody has decided
        )
        .filter(Q(account__in=accounts) | Q(identity__in=identities))
        .order_by()
        .values_list("account", "identity", "region")
        .annotate(Count("id"))
    )
    for owner, identity, region, count in rows:
        for account in accounts:
            if account.pk == owner or (identity and account.cloud_identity == identity):
                key = (account.pk, region)
                counts[key] = counts.get(key, 0) + count
    return counts


def count_servers(accounts: Iterable[UUID]) -> dict[UUID, int]:
    """Return how many rows count against each account's cap: all not proven gone."""
    return dict(
        Server.objects.filter(account__in=accounts)
        .exclude(state__in=PROVEN_GONE)
        .values_list("account")
        .annotate(number=Count("*"))
    )
