"""The candidates of a recipe, and what decides whether one can be tried now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.db.models import Count, Q

from servers.lifecycle.snapshot import Hold
from servers.lifecycle.states import Verdict
from servers.models import (
    Account,
    Instance,
    Location,
    Server,
    Template,
    TemplateVersion,
)
from servers.placing.breaker import explain_hold, is_by_failures
from servers.records.limits import count_recent_creates, count_servers

LocationKey = tuple[UUID, str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One location and size of a recipe, with its account looked up."""

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
    """Return the candidates of a recipe in order: its own, then its fallbacks.

    With ``server``, the first one has the region and size requested for that server.
    ``accounts`` are all accounts by name. Without them, a fallback that names another
    account costs one query.
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
    """Return the kinds of the accounts in which servers can be created."""
    accounts = (candidate.account for candidate in candidates)
    return tuple(dict.fromkeys(account.kind for account in accounts if account))


@dataclass(frozen=True, slots=True)
class Held:
    """What blocks creates in an account, and until when, if that is known."""

    hold: Hold
    because: str = ""
    until: datetime | None = None


class CandidateFacts:
    """What decides whether a create can be sent, for all accounts at once."""

    def __init__(self, accounts: Mapping[UUID, Account], *, now: datetime) -> None:
        self.now = now
        self.unexplained = count_unexplained(accounts.values())
        pks = list(accounts)
        self.recent = count_recent_creates(pks, now=now)
        self.counted = count_servers(pks)

    def no_create(self, key: LocationKey) -> str:
        """Return why creates in a location are blocked; "" if they are not."""
        count = self.unexplained.get(key, 0)
        if not count:
            return ""
        if count == 1:
            return (
                "The location has 1 unknown instance with this fleet's tag. Creation "
                "there is blocked until you adopt or destroy it."
            )
        return (
            f"The location has {count} unknown instances with this fleet's tag. "
            "Creation there is blocked until you adopt or destroy them."
        )

    def find_hold(
        self, server: Server, account: Account, location: Location | None
    ) -> Held:
        """Return what blocks creating ``server`` in a location now."""
        if not account.enabled:
            return Held(Hold.UNUSABLE, f"Account {account.name} is disabled.")
        if location is not None and location.health == Location.Health.REFUSED:
            return Held(Hold.UNUSABLE, f"{location}: {location.error}")
        others = self.counted.get(account.pk, 0)
        if account.pk != server.account_id and others >= account.max_servers:
            return Held(
                Hold.FULL,
                f"{account.name} has reached its server limit ({account.max_servers}).",
            )
        if because := explain_hold(account, now=self.now):
            hold = Hold.BROKEN if is_by_failures(account) else Hold.OURS
            return Held(hold, because, account.breaker_until)
        pause = account.throttled_until
        if pause is not None and self.now < pause:
            return Held(
                Hold.THROTTLED,
                f"{account.name} throttles ServerFleet, so its creates are paused.",
                pause,
            )
        if self.recent.get(account.pk, 0) >= account.creates_per_minute:
            return Held(
                Hold.OURS,
                f"{account.name} has reached its limit of "
                f"{account.creates_per_minute} creates per minute.",
            )
        return Held(Hold.NONE)


def count_unexplained(accounts: Iterable[Account]) -> dict[LocationKey, int]:
    """Return how many unknown instances each location has.

    They count for every account that sees them, not only for their owner: each of
    these accounts may have created them.
    """
    accounts = list(accounts)
    identities = {account.cloud_identity for account in accounts} - {None}
    counts: dict[LocationKey, int] = {}
    rows = (
        Instance.objects.filter(
            live=True,
            verdict=Verdict.UNEXPLAINED,
            condemned_at__isnull=True,  # not yet decided
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
