"""Events and listings: what happened, and what was seen."""

from django.contrib import admin

from servers.admin.base import Shown
from servers.models import (
    Event,
    Heartbeat,
    IdempotentRequest,
    Listing,
    Scope,
    Tally,
)


@admin.register(Event)
class EventAdmin(Shown):
    """The history, newest first."""

    list_display = (
        "at",
        "server_name",
        "kind",
        "from_state",
        "to_state",
        "actor",
        "reason",
        "request_id",
    )
    list_filter = ("kind", "actor")
    search_fields = ("server_name", "reason", "request_id", "actor")
    ordering = ("-id",)


@admin.register(Scope)
class ScopeAdmin(Shown):
    """Each account and region that is listed."""

    list_display = ("account", "region", "compared_at", "failures", "error")
    list_select_related = ("account",)


@admin.register(Listing)
class ListingAdmin(Shown):
    """The complete listings of the last day."""

    list_display = ("scope", "started_at", "finished_at", "instances", "live")
    list_select_related = ("scope",)
    list_filter = ("scope",)
    ordering = ("-id",)


@admin.register(IdempotentRequest)
class IdempotentRequestAdmin(Shown):
    """What was asked under an Idempotency-Key, for two days."""

    list_display = ("key", "caller", "created_at")
    search_fields = ("key", "caller")
    ordering = ("-id",)


@admin.register(Tally)
class TallyAdmin(Shown):
    """The counters behind the metrics."""

    list_display = ("name", "label", "value")
    list_filter = ("name",)
    search_fields = ("name", "label")
    ordering = ("name", "label")


@admin.register(Heartbeat)
class HeartbeatAdmin(Shown):
    """The workers and beats, as they last said themselves."""

    list_display = ("name", "kind", "version", "started_at", "seen_at", "broker_error")
