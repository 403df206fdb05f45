"""Filters and pages that cost the same for any number of rows.

Django's own filter on a text column queries all its values, which reads every row.
These filters know their values in advance.
"""

from collections.abc import Iterable
from typing import Any, ClassVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from servers.lifecycle.states import Event
from servers.models import Location
from servers.records.ledger import Fact

# The most rows that are counted and paged. Filters and searches find the rest.
MAX_COUNTED = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """A paginator that stops counting: the history can have millions of rows."""

    @cached_property
    def count(self) -> int:
        """Return how many rows can be paged through."""
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by()[:MAX_COUNTED].count()
        return len(rows)


class _Known(admin.SimpleListFilter):
    """A filter on one column whose values are known without reading the rows."""

    values: ClassVar[Iterable[str]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the values to choose from."""
        return [(value, value.replace("_", " ")) for value in self.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows with the chosen value."""
        value = self.value()
        return (
            queryset.filter(**{str(self.parameter_name): value}) if value else queryset
        )


class KindFilter(_Known):
    """Filter events by kind."""

    title = "kind"
    parameter_name = "kind"
    values = tuple(sorted([*Event, *Fact]))


class RegionFilter(_Known):
    """Filter by the regions that are listed."""

    title = "region"
    parameter_name = "region"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the regions of all locations."""
        regions = Location.objects.exclude(region="").order_by("region")
        return [
            (name, name) for name in regions.values_list("region", flat=True).distinct()
        ]


class CounterFilter(_Known):
    """Filter counters by what they count."""

    title = "name"
    parameter_name = "name"
    values = ("attempts", "boot_seconds", "boots", "step_failures")
