"""The proof: what the clouds hold under our tag against what the rows account for.

For each scope the last complete listing, what is live, whose it is, and how long it
has been so; outside of the bound is what should have been destroyed by now.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, TypeVar

from django.db.models import Count

from servers.ledger import Kind
from servers.lifecycle.backoff import MOST_SECONDS
from servers.lifecycle.snapshot import Pace
from servers.lifecycle.states import State, Verdict
from servers.models import Event, Instance, Leftover, Scope, Server
from servers.scopes import pace_of_account

Row = TypeVar("Row", Instance, Server, Leftover)

# Rows of one kind that a report names; their number is always whole.
MOST_NAMED: Final = 200
# Lines of the history.
MOST_HISTORY: Final = 50
_HISTORY: Final = (
    Kind.CONDEMNED,
    Kind.ORPHAN_GONE,
    Kind.UNEXPLAINED,
    Kind.HELD,
    Kind.ADOPTED,
    Kind.LEFTOVER_GONE,
)
# Leftovers are looked for less often than instances.
LEFTOVERS_EVERY: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Finding:
    """One instance that no row owns."""

    instance: Instance
    age: timedelta
    outside: bool  # older than the bound
    next: str  # what happens to it, as a sentence
    held: bool = False  # destroyed only when a person says so

    @property
    def is_under_way(self) -> bool:
        """Whether it is decided, and only its destruction and its proof are left."""
        return self.instance.condemned_at is not None

    @property
    def is_unexplained(self) -> bool:
        """Whether a person may adopt it."""
        instance = self.instance
        return instance.verdict == Verdict.UNEXPLAINED and not instance.condemned_at

    @property
    def waits(self) -> bool:
        """Whether a person must decide."""
        return self.is_unexplained or self.held


@dataclass(frozen=True, slots=True)
class Unconfirmed:
    """One server whose end was asked for and is not proven."""

    server: Server
    age: timedelta
    outside: bool


@dataclass(frozen=True, slots=True)
class Remainder:
    """One thing that an ended instance left behind."""

    leftover: Leftover
    age: timedelta
    outside: bool
    next: str

    @property
    def waits(self) -> bool:
        """Whether a person may have it deleted now."""
        return self.leftover.condemned_at is None


@dataclass(frozen=True, slots=True)
class ScopeReport:
    """One account in one region."""

    scope: Scope
    bound: timedelta
    live: int
    owned: int
    findings: tuple[Finding, ...] = ()
    unconfirmed: tuple[Unconfirmed, ...] = ()
    leftovers: tuple[Remainder, ...] = ()
    is_fresh: bool = False  # its last complete listing is young enough to prove a thing

    @property
    def waiting(self) -> int:
        """How many of its instances wait for a person."""
        return sum(finding.waits for finding in self.findings)

    @property
    def is_clean(self) -> bool:
        """Whether nothing in it is outside of the bound or held, and that is known."""
        late = any(finding.outside for finding in self.findings)
        late = late or any(entry.outside for entry in self.unconfirmed)
        late = late or any(entry.outside for entry in self.leftovers)
        return self.is_fresh and not late and not self.scope.held


@dataclass(frozen=True, slots=True)
class Report:
    """All scopes at one moment."""

    at: datetime
    scopes: tuple[ScopeReport, ...] = field(default_factory=tuple)

    @property
    def is_clean(self) -> bool:
        """Whether every scope is."""
        return all(scope.is_clean for scope in self.scopes)


def bound_of(pace: Pace) -> timedelta:
    """Return how long a leak may live after the last fault."""
    return pace.settle + pace.grace + 2 * pace.listing + timedelta(seconds=MOST_SECONDS)


def report_leaks(*, now: datetime, account: str = "") -> Report:
    """Return the report, of one account or all. Five queries for any fleet."""
    scopes = Scope.objects.select_related("account").order_by("account__name", "region")
    if account:
        scopes = scopes.filter(account__name=account)
    counts = _count_live()
    findings = _group(
        Instance.objects.filter(live=True)
        .exclude(verdict=Verdict.OURS)
        .select_related("attempt")
        .order_by("first_seen")[:MOST_NAMED]
    )
    stopping = _group(
        Server.objects.filter(state=State.STOPPING).order_by("state_since")[:MOST_NAMED]
    )
    leftovers = _group(Leftover.objects.order_by("first_seen")[:MOST_NAMED])
    reports = []
    for scope in scopes:
        key = (scope.account_id, scope.region)
        pace = pace_of_account(scope.account)
        bound = bound_of(pace)
        live = counts.get(key, {})
        reports.append(
            ScopeReport(
                scope=scope,
                bound=bound,
                live=sum(live.values()),
                owned=live.get(Verdict.OURS, 0),
                findings=tuple(
                    _describe(instance, bound, now, held=scope.held)
                    for instance in findings[key]
                ),
                unconfirmed=tuple(
                    Unconfirmed(
                        server,
                        now - server.state_since,
                        now - server.state_since > bound,
                    )
                    for server in stopping[key]
                ),
                leftovers=tuple(
                    _describe_leftover(leftover, pace, now)
                    for leftover in leftovers[key]
                ),
                is_fresh=scope.compared_at is not None
                and now - scope.compared_at <= pace.gate,
            )
        )
    return Report(at=now, scopes=tuple(reports))


def list_history(*, account: str = "") -> list[Event]:
    """Return what was last found and decided, newest first. One query."""
    events = Event.objects.filter(kind__in=_HISTORY).select_related("account")
    if account:
        events = events.filter(account__name=account)
    return list(events.order_by("-id")[:MOST_HISTORY])


def _count_live() -> dict[tuple[object, str], dict[str, int]]:
    counts: dict[tuple[object, str], dict[str, int]] = defaultdict(dict)
    rows = (
        Instance.objects.filter(live=True)
        .order_by()
        .values_list("account", "region", "verdict")
        .annotate(count=Count("id"))
    )
    for account, region, verdict, count in rows:
        counts[account, region][verdict] = count
    return counts


def _group(
    rows: Iterable[Row],
) -> defaultdict[tuple[object, str], list[Row]]:
    grouped: defaultdict[tuple[object, str], list[Row]] = defaultdict(list)
    for row in rows:
        grouped[row.account_id, row.region].append(row)
    return grouped


def _describe(
    instance: Instance, bound: timedelta, now: datetime, *, held: int
) -> Finding:
    age = now - instance.first_seen
    if instance.destroy_error:
        what = f"The cloud did not destroy it: {instance.destroy_error}"
    elif instance.destroy_asked_at is not None:
        what = "It is being destroyed. A listing must confirm that it is gone."
    elif instance.condemned_at is not None:
        what = "It is condemned, and will be destroyed within seconds."
    elif instance.verdict == Verdict.UNEXPLAINED:
        what = "The database does not know it. A person must adopt or destroy it."
    elif held:
        what = (
            "It waits for a person, since so many at once may be a fault of the "
            "records. Destroy it, if its server is truly over."
        )
    else:
        what = "It will be condemned once two listings have shown it past its grace."
    waits = bool(held) and instance.condemned_at is None
    outside = _is_outside(
        instance.first_seen, instance.condemned_at, limit=bound, now=now
    )
    return Finding(instance, age, outside, what, held=waits)


def _is_outside(
    first_seen: datetime,
    decided_at: datetime | None,
    *,
    limit: timedelta,
    now: datetime,
) -> bool:
    """Tell whether what no server owns should be gone by now.

    What waited for a person until after the limit has it once more from the decision
    on: its end is under way, and no leak.
    """
    late = decided_at is not None and decided_at - first_seen > limit
    begins = decided_at if late and decided_at is not None else first_seen
    return now - begins > limit


def _describe_leftover(leftover: Leftover, pace: Pace, now: datetime) -> Remainder:
    age = now - leftover.first_seen
    if leftover.delete_error:
        what = f"The cloud did not delete it: {leftover.delete_error}"
    elif leftover.condemned_at is not None:
        what = "It will be deleted by the next look."
    else:
        what = (
            "It will be deleted once its server is surely over. Where the database "
            "does not know it, a person decides."
        )
    outside = _is_outside(
        leftover.first_seen,
        leftover.condemned_at,
        limit=LEFTOVERS_EVERY + 3 * pace.grace,
        now=now,
    )
    return Remainder(leftover, age, outside, what)
