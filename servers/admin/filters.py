"""Filters and pages that cost the same for any number of rows.

Django's own filter over a text column asks for all its values in use: a look at every
row. These know theirs beforehand.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property

from servers.ledger import Kind
from servers.lifecycle.states import Event
from servers.models import Scope

if TYPE_CHECKING:
    _Paginator = Paginator[Any]
else:
    _Paginator = Paginator

# Rows that are counted and paged at the most; a filter or a search finds the rest.
MOST_COUNTED = 10_000


class BoundedPaginator(_Paginator):
    """Counts so far and no further: the history may have millions of rows."""

    @cached_property
    def count(self) -> int:
        """Return how many rows can be paged through."""
        rows = self.object_list
        if isinstance(rows, QuerySet):
            return rows.order_by()[:MOST_COUNTED].count()
        return len(rows)


class _Known(admin.SimpleListFilter):
    """A filter on one column, by values that are known without a look at the rows."""

    values: ClassVar[Iterable[str]] = ()

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer them."""
        return [(value, value.replace("_", " ")) for value in self.values]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Narrow the rows."""
        value = self.value()
        return (
            queryset.filter(**{str(self.parameter_name): value}) if value else queryset
        )


class KindFilter(_Known):
    """Of events: what happened."""

    title = "kind"
    parameter_name = "kind"
    values = tuple(sorted([*Event, *Kind]))


class RegionFilter(_Known):
    """By the regions that are listed."""

    title = "region"
    parameter_name = "region"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Offer the regions of all scopes."""
        regions = Scope.objects.exclude(region="").order_by("region")
        return [
            (name, name) for name in regions.values_list("region", flat=True).distinct()
        ]


class TallyFilter(_Known):
    """Of tallies: what is counted."""

    title = "name"
    parameter_name = "name"
    values = ("attempts", "boot_seconds", "boots", "step_failures")
