"""Servers and the instances and attempts behind them."""

from datetime import UTC
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from servers.admin.base import Shown, badge, cut, run_for_each
from servers.admin.filters import RegionFilter
from servers.models import Attempt, Event, Instance, Leftover, Server
from servers.operations import (
    adopt_stray,
    delete_leftover,
    destroy_stray,
    protect_server,
    retry_server,
    terminate_server,
)


class _EventInline(admin.TabularInline):  # type: ignore[type-arg]
    """The history of a server, on its page."""

    template = "admin/shown_inline.html"
    model = Event
    fields = readonly_fields = (
        "at",
        "kind",
        "from_state",
        "to_state",
        "reason",
        "actor",
    )
    extra = 0
    max_num = 0
    can_delete = False
    show_change_link = False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Append-only."""
        return False


def _stack(*texts: str) -> SafeString:
    """Return texts below each other; a dash for none."""
    parts = [(text,) for text in texts if text]
    return format_html_join(mark_safe("<br>"), "{}", parts or [("–",)])


@admin.register(Server)
class ServerAdmin(Shown):
    """The servers, with terminate, force and retry as actions."""

    list_display = (
        "name",
        "state_badge",
        "place",
        "reach",
        "created",
        "error_in_short",
    )
    list_filter = (
        "state",
        "created_at",
        "account",
        "template",
        RegionFilter,
        "hidden",
        "protected",
    )
    search_fields = ("name", "instance_id", "address")
    list_select_related = ("account", "template")
    inlines: ClassVar = [_EventInline]
    actions = ("terminate", "terminate_by_force", "retry", "protect", "unprotect")

    @admin.display(description="state", ordering="state")
    def state_badge(self, server: Server) -> SafeString | str:
        """Return the state."""
        return badge(server.state)

    @admin.display(description="account, region, size", ordering="account__name")
    def place(self, server: Server) -> SafeString:
        """Return where it is, and how large: few columns fit where it is narrow."""
        return _stack(server.account.name, server.region, server.size)

    @admin.display(description="address, instance", ordering="address")
    def reach(self, server: Server) -> SafeString:
        """Return what it has at the cloud."""
        return _stack(server.address, server.instance_id)

    @admin.display(description="created", ordering="created_at")
    def created(self, server: Server) -> str:
        """Return when, without the year: records are kept for days."""
        return server.created_at.astimezone(UTC).strftime("%d %b %H:%M")

    @admin.display(description="error")
    def error_in_short(self, server: Server) -> str:
        """Return the beginning of its error."""
        return cut(server.error)

    def view_on_site(self, server: Server) -> str:
        """Lead to its page, which says why it waits."""
        return reverse("server", args=[server.name])

    @admin.action(description="Terminate: destroy at once", permissions=["change"])
    def terminate(self, request: HttpRequest, servers: QuerySet[Server]) -> None:
        """Ask for the end of the servers."""
        run_for_each(
            self,
            request,
            servers,
            lambda server: terminate_server(server.name),
            done="Termination was asked for",
        )

    @admin.action(
        description="Terminate; remove failed ones at once", permissions=["change"]
    )
    def terminate_by_force(
        self, request: HttpRequest, servers: QuerySet[Server]
    ) -> None:
        """Terminate servers; those in error leave the list at once."""
        run_for_each(
            self,
            request,
            servers,
            lambda server: terminate_server(server.name, force=True),
            done="Termination by force was asked for",
        )

    @admin.action(description="Retry servers in error", permissions=["change"])
    def retry(self, request: HttpRequest, servers: QuerySet[Server]) -> None:
        """Begin anew with errored servers."""
        run_for_each(
            self,
            request,
            servers,
            lambda server: retry_server(server.name),
            done="A retry was asked for",
        )

    @admin.action(description="Protect from termination", permissions=["change"])
    def protect(self, request: HttpRequest, servers: QuerySet[Server]) -> None:
        """Protect the servers."""
        run_for_each(
            self,
            request,
            servers,
            lambda server: protect_server(server.name, protected=True),
            done="Protected",
        )

    @admin.action(description="Lift the protection", permissions=["change"])
    def unprotect(self, request: HttpRequest, servers: QuerySet[Server]) -> None:
        """Lift the protection of the servers."""
        run_for_each(
            self,
            request,
            servers,
            lambda server: protect_server(server.name, protected=False),
            done="No longer protected",
        )


@admin.register(Attempt)
class AttemptAdmin(Shown):
    """Every create attempt, with the cloud's own answer."""

    list_display = (
        "key",
        "server_name",
        "number",
        "account",
        "region",
        "outcome_badge",
        "answer_class",
        "asked_at",
        "answer_in_short",
    )
    list_filter = ("outcome", "asked_at", "account")
    search_fields = ("key", "server_name", "instance_id", "answer_class")
    list_select_related = ("account",)
    ordering = ("-asked_at",)

    @admin.display(description="answer")
    def answer_in_short(self, attempt: Attempt) -> str:
        """Return the beginning of the cloud's answer."""
        return cut(attempt.answer)

    @admin.display(description="outcome", ordering="outcome")
    def outcome_badge(self, attempt: Attempt) -> SafeString | str:
        """Return the outcome."""
        return badge(attempt.outcome)


@admin.register(Instance)
class InstanceAdmin(Shown):
    """What the clouds hold under the fleet's tag."""

    list_display = (
        "instance_id",
        "name",
        "verdict_badge",
        "live",
        "raw_status",
        "account",
        "region",
        "address",
        "first_seen",
        "condemned_at",
    )
    list_filter = ("verdict", "live", "account")
    search_fields = ("instance_id", "name", "key")
    list_select_related = ("account",)
    actions = ("adopt", "destroy")

    @admin.display(description="verdict", ordering="verdict")
    def verdict_badge(self, instance: Instance) -> SafeString | str:
        """Return the verdict."""
        return badge(instance.verdict)

    @admin.action(description="Adopt: make a server of it", permissions=["change"])
    def adopt(self, request: HttpRequest, instances: QuerySet[Instance]) -> None:
        """Adopt what nobody explains."""
        run_for_each(
            self,
            request,
            instances,
            lambda instance: adopt_stray(instance.pk),
            done="Adopted",
        )

    @admin.action(description="Destroy what no server owns", permissions=["change"])
    def destroy(self, request: HttpRequest, instances: QuerySet[Instance]) -> None:
        """Destroy what waits for a person."""
        run_for_each(
            self,
            request,
            instances,
            lambda instance: destroy_stray(instance.pk),
            done="Will be destroyed",
        )


@admin.register(Leftover)
class LeftoverAdmin(Shown):
    """What ended instances left behind."""

    list_display = ("resource_id", "kind", "account", "region", "first_seen", "detail")
    list_filter = ("account", "first_seen")
    search_fields = ("resource_id", "key", "kind")
    list_select_related = ("account",)
    actions = ("delete_left",)

    @admin.action(description="Delete it at the cloud", permissions=["change"])
    def delete_left(self, request: HttpRequest, left: QuerySet[Leftover]) -> None:
        """Delete what waits for a person."""
        run_for_each(
            self,
            request,
            left,
            lambda each: delete_leftover(each.pk),
            done="Will be deleted",
        )
