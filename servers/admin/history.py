"""Events, listings and other records."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from servers.admin.base import Shown, act_on_each, show_badge, show_in_short
from servers.admin.filters import CounterFilter, KindFilter
from servers.errors import FleetError
from servers.models import (
    Counter,
    DayCost,
    Event,
    Heartbeat,
    IdempotentRequest,
    Listing,
    Location,
    SavedView,
)
from servers.operations.scans import scan_now
from servers.operations.unowned import destroy_held


@admin.register(Event)
class EventAdmin(Shown):
    """The history, newest first."""

    list_display = (
        "at",
        "server_name",
        "kind",
        "from_badge",
        "to_badge",
        "actor",
        "reason_in_short",
        "request_id",
    )
    list_filter = ("at", KindFilter)
    search_fields = ("server_name", "reason", "request_id", "actor")
    ordering = ("-id",)
    reason_in_short = show_in_short("reason")
    from_badge = show_badge("from_state", "from", sorts=False)
    to_badge = show_badge("to_state", "to", sorts=False)


@admin.register(Location)
class LocationAdmin(Shown):
    """The locations: each account and region that is listed."""

    list_display = (
        "account",
        "region",
        "health",
        "compared_at",
        "failures",
        "held",
        "error_in_short",
    )
    list_filter = ("account", "health")
    search_fields = ("account__name", "region")
    list_select_related = ("account",)
    actions = ("list_now", "destroy_held")
    error_in_short = show_in_short("error")
    list_now = act_on_each(
        "List now",
        lambda location: scan_now(location.account, region=location.region),
        done="Listing started",
    )

    @admin.action(description="Destroy all held instances", permissions=["change"])
    def destroy_held(self, request: HttpRequest, locations: QuerySet[Location]) -> None:
        """Destroy all held instances of the locations."""
        for location in locations:
            try:
                count = destroy_held(location.account.name, region=location.region)
            except FleetError as error:
                self.message_user(request, error.message, messages.ERROR)
            else:
                self.message_user(request, f"{location}: {count} will be destroyed.")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Load the account, which is part of the location's name."""
        return super().get_queryset(request).select_related("account")


@admin.register(Listing)
class ListingAdmin(Shown):
    """The complete listings of the last day."""

    list_display = ("location", "started_at", "finished_at", "instances", "live")
    list_select_related = ("location__account",)
    list_filter = ("location__account", "started_at")
    ordering = ("-id",)


@admin.register(IdempotentRequest)
class IdempotentRequestAdmin(Shown):
    """Requests with an Idempotency-Key, kept for two days."""

    list_display = ("key", "caller", "created_at")
    list_filter = ("created_at",)
    search_fields = ("key", "caller")
    ordering = ("-id",)


@admin.register(Counter)
class CounterAdmin(Shown):
    """The counters behind the metrics."""

    list_display = ("name", "label", "value")
    list_filter = (CounterFilter,)
    search_fields = ("name", "label")
    ordering = ("name", "label")


@admin.register(DayCost)
class DayCostAdmin(Shown):
    """How long instances that are gone were billed on each day (UTC), by price."""

    list_display = (
        "day",
        "account",
        "template",
        "price_per_hour",
        "currency",
        "seconds",
    )
    list_filter = ("day",)
    search_fields = ("account", "template")
    ordering = ("-day", "-id")


@admin.register(Heartbeat)
class HeartbeatAdmin(Shown):
    """The workers and schedulers, as they last reported."""

    list_display = ("name", "kind", "version", "started_at", "seen_at", "broker_error")


@admin.register(SavedView)
class SavedViewAdmin(Shown):
    """The filters that people have saved."""

    list_display = ("name", "user", "query")
    list_filter = ("user",)
    search_fields = ("name", "query")
    list_select_related = ("user",)
