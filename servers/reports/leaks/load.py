"""The queries of the report: count everything, and load the oldest rows."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any, Final, TypeVar
from uuid import UUID

from django.db.models import Case, CharField, Count, F, Q, QuerySet, Value, When, Window
from django.db.models.functions import RowNumber

from servers.access.reach import all_servers
from servers.lifecycle.snapshot import Pace
from servers.lifecycle.states import State, Verdict
from servers.models import Event, Instance, Leftover, Location, Server
from servers.placing.locations import pace_of_account
from servers.records.ledger import Fact
from servers.reports.leaks.bounds import bound_of, bound_of_leftovers, outside_of
from servers.reports.leaks.sentences import (
    describe_ending,
    describe_instance,
    describe_leftover,
)
from servers.reports.leaks.shapes import (
    DECIDED,
    NONE,
    UNOWNED,
    Counted,
    LocationReport,
    Report,
)

Row = TypeVar("Row", Instance, Server, Leftover)

# How many rows of a kind a report lists per location, oldest first.
MAX_NAMED: Final = 100
# How many events the history has.
MAX_HISTORY: Final = 50
_HISTORY: Final = (
    Fact.CONDEMNED,
    Fact.ORPHAN_GONE,
    Fact.UNEXPLAINED,
    Fact.HELD,
    Fact.ADOPTED,
    Fact.LEFTOVER_GONE,
)

Key = tuple[UUID, str]


@dataclass(frozen=True, slots=True)
class _Place:
    """A location with its pace and bound."""

    location: Location
    pace: Pace
    bound: timedelta

    @property
    def key(self) -> Key:
        return (self.location.account_id, self.location.region)


def _late(places: Iterable[_Place], condition: Callable[[_Place], Q]) -> Q:
    """Return the condition for rows older than their location's bound."""
    conditions = (
        Q(account=place.location.account_id) & condition(place)
        for place in _one_each(places)
    )
    return reduce(or_, conditions, Q(pk__in=[]))


def _one_each(places: Iterable[_Place]) -> Iterable[_Place]:
    """Return one location per account: all locations of an account share its pace."""
    return {place.location.account_id: place for place in places}.values()


def _count_live(
    instances: "QuerySet[Instance]", places: Iterable[_Place], *, now: datetime
) -> defaultdict[Key, dict[str, Counted]]:
    """Count the live instances of each location by verdict. One query."""
    held = {place.key for place in places if place.location.held}
    counts: defaultdict[Key, dict[str, Counted]] = defaultdict(dict)
    judged = Case(
        When(
            verdict=Verdict.UNEXPLAINED,
            condemned_at__isnull=False,
            then=Value(DECIDED),
        ),
        default=F("verdict"),
        output_field=CharField(),
    )
    rows = (
        instances.order_by()
        .values_list("account", "region", judged)
        .annotate(
            total=Count("pk"),
            late=Count(
                "pk",
                filter=_late(places, lambda place: outside_of(place.bound, now=now)),
            ),
            undecided=Count("pk", filter=Q(condemned_at__isnull=True)),
        )
    )
    for account, region, verdict, total, late, undecided in rows:
        key = (account, region)
        if verdict == Verdict.OURS:
            counts[key][verdict] = Counted(total)
            continue
        waits = verdict == Verdict.UNEXPLAINED or key in held
        counts[key][verdict] = Counted(total, late, undecided if waits else 0)
    return counts


def _count(rows: "QuerySet[Any]", late: Q) -> dict[Key, Counted]:
    """Count rows by location. One query."""
    counted = (
        rows.order_by()
        .values_list("account", "region")
        .annotate(total=Count("pk"), late=Count("pk", filter=late))
    )
    return {
        (account, region): Counted(total, outside)
        for account, region, total, outside in counted
    }


def _name(rows: "QuerySet[Row]", since: str) -> defaultdict[Key, list[Row]]:
    """Return the oldest rows of each location. One query."""
    turn = Window(
        RowNumber(),
        partition_by=[F("account"), F("region")],
        order_by=[F(since).asc(), F("pk").asc()],
    )
    grouped: defaultdict[Key, list[Row]] = defaultdict(list)
    oldest = rows.annotate(turn=turn).filter(turn__lte=MAX_NAMED)
    for row in oldest.order_by(since, "pk"):
        grouped[row.account_id, row.region].append(row)
    return grouped


def report_leaks(*, now: datetime, account: str = "") -> Report:
    """Return the report of one account or all. Seven queries for any fleet."""
    locations = Location.objects.select_related("account").order_by(
        "account__name", "region"
    )
    if account:
        locations = locations.filter(account__name=account)
    places = [
        _Place(location, pace := pace_of_account(location.account), bound_of(pace))
        for location in locations
    ]
    here = {place.location.account_id for place in places}
    instances = Instance.objects.filter(live=True, account__in=here)
    unowned = instances.filter(verdict__in=UNOWNED)
    # What an account runs belongs in its report, whoever can reach the servers.
    stopping = all_servers().filter(state=State.STOPPING, account__in=here)
    leftovers = Leftover.objects.filter(account__in=here)
    live = _count_live(instances, places, now=now)
    ending = _count(
        stopping, _late(places, lambda place: Q(state_since__lt=now - place.bound))
    )
    left = _count(
        leftovers,
        _late(
            places,
            lambda place: outside_of(bound_of_leftovers(place.pace), now=now),
        ),
    )
    named = _name(unowned, "first_seen")
    named_ending = _name(stopping, "state_since")
    named_left = _name(leftovers, "first_seen")
    reports = []
    for place in places:
        key, held = place.key, place.location.held
        counted = live[key]
        owned = counted.pop(Verdict.OURS, NONE).total
        reports.append(
            LocationReport(
                location=place.location,
                bound=place.bound,
                owned=owned,
                by_verdict=counted,
                ending=ending.get(key, NONE),
                left=left.get(key, NONE),
                findings=tuple(
                    describe_instance(instance, place.bound, now, held=held)
                    for instance in named[key]
                ),
                unconfirmed=tuple(
                    describe_ending(server, place.bound, now)
                    for server in named_ending[key]
                ),
                leftovers=tuple(
                    describe_leftover(leftover, place.pace, now)
                    for leftover in named_left[key]
                ),
                is_fresh=place.location.compared_at is not None
                and now - place.location.compared_at <= place.pace.gate,
            )
        )
    return Report(at=now, locations=tuple(reports))


def list_history(*, account: str = "") -> list[Event]:
    """Return the latest findings and decisions, newest first. One query."""
    events = Event.objects.filter(kind__in=_HISTORY).select_related("account")
    if account:
        events = events.filter(account__name=account)
    return list(events.order_by("-id")[:MAX_HISTORY])
