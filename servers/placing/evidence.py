"""What whole locations show: listings and counts that few decisions need.

Each is read once, and only if a decision needs it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from uuid import UUID

from django.db.models import (
    Case,
    Count,
    DateTimeField,
    OuterRef,
    Q,
    Subquery,
    Value,
    When,
)

from servers.lifecycle.snapshot import Limits, LocationView
from servers.models import Instance, Listing, Location
from servers.placing.locations import pace_of_account
from servers.placing.machines import Checked, count_checked
from servers.placing.placements import LocationKey


class Evidence:
    """The listings of locations, and counts of what is in them at ``now``."""

    def __init__(
        self,
        locations: Mapping[LocationKey, Location | None],
        accounts: Iterable[UUID],
        *,
        limits: Limits,
        now: datetime,
    ) -> None:
        self.locations = locations
        self.accounts = accounts
        self.limits = limits
        self.now = now

    def add_looks(
        self, key: LocationKey, view: LocationView, quiet: datetime
    ) -> LocationView:
        """Add the listings that can prove that nothing is left since ``quiet``."""
        location = self.locations.get(key)
        if (
            location is None
            or location.listed_from is None
            or location.listed_from <= quiet
        ):
            return view
        # If any pair of listings is proof, it is this one: the newest, and the newest
        # that is at least a lag older.
        first = self.looks.get(location.pk)
        if first is None or first <= quiet:
            first = location.listed_from
        return replace(view, first_look=first, last_look=location.listed_from)

    def add_missing(self, key: LocationKey, view: LocationView) -> LocationView:
        """Add how many instances are live, and how many of them are missing."""
        live, missing = self.missing.get(key, (0, 0))
        return replace(view, live=live, missing=missing)

    def add_checked(self, key: LocationKey, view: LocationView) -> LocationView:
        """Add how many running servers fail their checks, or were lost lately."""
        counted = self.checked.get(key, Checked())
        return replace(
            view,
            running=counted.running,
            checked=counted.checked,
            failing=counted.failing,
            lost=counted.lost,
            ended=counted.ended,
        )

    def forget_checks(self) -> None:
        """Count the checks again, after another one."""
        self.__dict__.pop("checked", None)

    @cached_property
    def checked(self) -> dict[LocationKey, Checked]:
        """The checks of running servers in each location, and what was lost lately."""
        return count_checked(self.limits, self.now)

    @cached_property
    def looks(self) -> dict[int, datetime]:
        """When each location's newest listing at least a lag before its last began."""
        before = {
            each.pk: each.listed_from - pace_of_account(each.account).lag
            for each in self.locations.values()
            if each is not None and each.listed_from is not None
        }
        if not before:
            return {}
        early = Case(
            *(When(location=pk, then=Value(time)) for pk, time in before.items()),
            output_field=DateTimeField(),
        )
        newest = (
            Listing.objects.filter(location=OuterRef("pk"), started_at__lte=early)
            .order_by("-started_at")
            .values("started_at")
        )
        rows = Location.objects.filter(pk__in=before).annotate(
            look=Subquery(newest[:1])
        )
        return {pk: look for pk, look in rows.values_list("pk", "look") if look}

    @cached_property
    def missing(self) -> dict[LocationKey, tuple[int, int]]:
        """The number of live instances in each location, and how many are missing."""
        rows = (
            Instance.objects.filter(account__in=self.accounts, live=True)
            .values_list("account", "region")
            .annotate(
                count=Count("id"),
                missing=Count("id", filter=Q(missed_from__isnull=False)),
            )
        )
        return {
            (account, region): (live, missing)
            for account, region, live, missing in rows
        }
