"""Where a server can be created, and what decides whether that can be tried now.

``choose`` is the one place that combines a template's placements with what a request
chose instead. The request and every step of its server use it, so they can't differ.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import Any, Final
from uuid import UUID

from django.db.models import Count

from servers.errors import InvalidError
from servers.lifecycle.snapshot import Hold, Placement
from servers.lifecycle.states import Verdict
from servers.models import (
    Account,
    Instance,
    Location,
    Queue,
    Server,
    VersionPlacement,
)
from servers.models.template import Recipe
from servers.placing.breaker import explain_hold, is_by_failures
from servers.placing.memory import FullPlaces
from servers.placing.queue_gate import explain_refusal
from servers.records.limits import count_recent_creates, count_servers
from servers.records.prepared import Prepared, among

LocationKey = tuple[UUID, str]
_MAX_KEPT: Final = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request chose instead of the template's own. Empty: nothing."""

    image: str = ""
    region: str = ""
    size: str = ""

    def given(self) -> dict[str, str]:
        """Return what was chosen."""
        each = {"image": self.image, "region": self.region, "size": self.size}
        return {name: value for name, value in each.items() if value}


def choose(
    placements: Sequence[Placement], wanted: Wanted, rule: str
) -> tuple[Placement, ...]:
    """Return the placements that a request can use, in order; raise InvalidError.

    ``rule`` is what the template allows. *listed*: those that have all chosen values.
    *any*: the first, with the chosen values. *none*: as listed, but only values of the
    first can be chosen.

    User data and the permissions of an instance profile go to the image that is
    started. So people who can create servers must not be free to choose the image.
    """
    given = wanted.given()
    if not given or not placements:
        return tuple(placements)
    if rule == Recipe.Overrides.ANY:
        first = placements[0]
        changes: dict[str, Any] = {**given}
        here = (first.region, first.size)
        if here != (wanted.region or first.region, wanted.size or first.size):
            # Its price is that of its own region and size.
            changes |= {"price_per_hour": None, "currency": ""}
        return (replace(first, **changes),)
    left = list(placements)
    for name, value in given.items():
        allowed = left[:1] if rule == Recipe.Overrides.NONE else left
        known = dict.fromkeys(getattr(each, name) for each in allowed)
        if value not in known:
            message = _explain(name, [each for each in known if each])
            raise InvalidError(f"{name}: {message}", fields={name: [message]})
        left = [each for each in left if getattr(each, name) == value]
    return tuple(left)


def _explain(field: str, known: Sequence[str]) -> str:
    if not known:
        return f"The template does not allow choosing the {field}. Leave it out."
    return (
        f"The template allows only {', '.join(known)}. Use one of these, or ask an "
        "admin to allow others in the template."
    )


class _Kept:
    """The placements of versions, which never change, by version."""

    def __init__(self) -> None:
        self._kept: dict[UUID, tuple[Placement, ...]] = {}

    def read(self, versions: Iterable[UUID]) -> Mapping[UUID, tuple[Placement, ...]]:
        """Return the placements of versions. Those not known yet cost one query."""
        kept = self._kept
        asked = dict.fromkeys(versions)
        found = {version: kept[version] for version in asked if version in kept}
        if missing := asked.keys() - found.keys():
            rows: dict[UUID, list[Placement]] = {version: [] for version in missing}
            for row in VersionPlacement.objects.filter(
                version__in=missing
            ).select_related(None):
                rows[row.version_id].append(row.freeze())
            new = {version: tuple(each) for version, each in rows.items()}
            # A new dictionary, because other threads read the old one.
            self._kept = new if len(kept) > _MAX_KEPT else {**kept, **new}
            found |= new
        return found


_kept: Final = _Kept()


def read_placements(
    versions: Iterable[UUID],
) -> Mapping[UUID, tuple[Placement, ...]]:
    """Return the placements of each version, in order."""
    return _kept.read(versions)


def choose_all(servers: Sequence[Server]) -> dict[UUID, tuple[Placement, ...]]:
    """Return the placements that each server can use. At most one query.

    A server from before placements may have none that it can use.
    """
    read = read_placements(server.recipe_id for server in servers)
    found = {}
    for server in servers:
        wanted = Wanted(server.wanted_image, server.wanted_region, server.wanted_size)
        try:
            found[server.pk] = choose(
                read[server.recipe_id], wanted, server.recipe.overrides
            )
        except InvalidError:
            found[server.pk] = ()
    return found


@dataclass(frozen=True, slots=True)
class Held:
    """What blocks creates in an account, and until when, if that is known."""

    hold: Hold
    because: str = ""
    until: datetime | None = None


class PlacementFacts:
    """What decides whether a create can be sent, for all accounts at once.

    ``refusing`` are the queues that can't register the agents of servers now.
    """

    def __init__(
        self,
        accounts: Mapping[UUID, Account],
        refusing: Mapping[UUID, Queue],
        *,
        now: datetime,
    ) -> None:
        self.now = now
        self.refusing = refusing
        self.unexplained = count_unexplained(accounts.values())
        self.accounts = list(accounts)
        self.recent = count_recent_creates(self.accounts, now=now)
        self.full = FullPlaces(self.accounts, now=now)

    @cached_property
    def counted(self) -> dict[UUID, int]:
        """How many servers each account has. Only a fallback needs it."""
        return count_servers(self.accounts)

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
        falls_back = account.pk != server.account_id
        if falls_back and self.counted.get(account.pk, 0) >= account.max_servers:
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
        queue = self.refusing.get(server.pk)
        if queue is not None and (because := explain_refusal(queue, now=self.now)):
            said = f"Its agent can't be registered yet. {because}"
            return Held(Hold.THROTTLED, said, queue.refused_until)
        if self.recent.get(account.pk, 0) >= account.creates_per_minute:
            return Held(
                Hold.OURS,
                f"{account.name} has reached its limit of "
                f"{account.creates_per_minute} creates per minute.",
            )
        return Held(Hold.NONE)


_UNEXPLAINED: Final = Prepared(
    Instance,
    lambda slot: (
        Instance.objects.filter(
            live=True,
            verdict=Verdict.UNEXPLAINED,
            condemned_at__isnull=True,  # not yet decided
        )
        .filter(
            among("account", slot("accounts", "account"))
            | among("identity", slot("identities", "identity"))
        )
        .order_by()
        .values_list("account", "identity", "region")
        .annotate(Count("id"))
    ),
)


def count_unexplained(accounts: Iterable[Account]) -> dict[LocationKey, int]:
    """Return how many unknown instances each location has.

    They count for every account that sees them, not only for their owner: each of
    these accounts may have created them.
    """
    accounts = list(accounts)
    identities = {account.cloud_identity for account in accounts} - {None}
    counts: dict[LocationKey, int] = {}
    rows = _UNEXPLAINED.read(
        accounts=[account.pk for account in accounts], identities=list(identities)
    )
    for owner, identity, region, count in rows:
        for account in accounts:
            if account.pk == owner or (identity and account.cloud_identity == identity):
                key = (account.pk, region)
                counts[key] = counts.get(key, 0) + count
    return counts
