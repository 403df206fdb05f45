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
    """A server's history, shown on its page."""

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
        """Return False: the history is append-only."""
        return False


def _stack(*texts: str) -> SafeString:
    """Return texts below each other, or a dash if there are none."""
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
        """Return account, region and size in one column, to fit narrow screens."""
        return _stack(server.account.name, server.region, server.size)

    @admin.display(description="address, instance", ordering="address")
    def reach(self, server: Server) -> SafeString:
        """Return the server's address and instance."""
        return _stack(server.address, server.instance_id)

    @admin.display(description="created", ordering="created_at")
    def created(self, server: Server) -> str:
        """Return when it was created, without the year: records are kept for days."""
        return server.created_at.astimezone(UTC).strftime("%d %b %H:%M")

    @admin.display(description="error")
    def error_in_short(self, server: Server) -> str:
        """Return the beginning of the error."""
        return cut(server.error)

    def view_on_site(self, server: Server) -> str:
        """Return the server's page, which says why it waits."""
        return reverse("server", args=[server.name])

    @admin.action(
        description="Terminate servers (destroys instances immediately)",
        permissions=["change"],
    )
    def terminate(self, request: HttpRequest, servers: QuerySet[Server]) -> None:
        """Terminate the servers."""
        run_for_each(
            self,
            request,
            servers,
            lambda server: terminate_server(server.name),
            done="Terminating",
        )

    @admin.action(
        description="Terminate servers (remove failed ones immediately)",
        permissions=["change"],
    )
    def terminate_by_force(
        self, request: HttpRequest, servers: QuerySet[Server]
    ) -> None:
        """Terminate the servers; failed ones leave the list immediately."""
        run_for_each(
            self,
            request,
            servers,
            lambda server: terminate_server(server.name, force=True),
            done="Terminating (forced)",
        )

    @admin.action(description="Retry failed servers", permissions=["change"])
    def retry(self, request: HttpRequest, servers: QuerySet[Server]) -> None:
        """Retry the failed servers."""
        run_for_each(
            self,
            request,
            servers,
            lambda server: retry_server(server.name),
            done="Retrying",
        )

    @admin.action(description="Protect servers", permissions=["change"])
    def protect(self, request: HttpRequest, servers: QuerySet[Server]) -> None:
        """Protect the servers."""
        run_for_each(
            self,
            request,
            servers,
            lambda server: protect_server(server.name, protected=True),
            done="Protected",
        )

    @admin.action(description="Unprotect servers", permissions=["change"])
    def unprotect(self, request: HttpRequest, servers: QuerySet[Server]) -> None:
        """Unprotect the servers."""
        run_for_each(
            self,
            request,
            servers,
            lambda server: protect_server(server.name, protected=False),
            done="Unprotected",
        )


@admin.register(Attempt)
class AttemptAdmin(Shown):
    """Every create attempt, with the cloud's response."""

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
        """Return the beginning of the cloud's response."""
        return cut(attempt.answer)

    @admin.display(description="outcome", ordering="outcome")
    def outcome_badge(self, attempt: Attempt) -> SafeString | str:
        """Return the outcome."""
        return badge(attempt.outcome)


@admin.register(Instance)
class InstanceAdmin(Shown):
    """The instances at the clouds with the fleet's tag."""

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

    @admin.action(
        description="Adopt: create servers for these instances", permissions=["change"]
    )
    def adopt(self, request: HttpRequest, instances: QuerySet[Instance]) -> None:
        """Adopt unknown instances."""
        run_for_each(
            self,
            request,
            instances,
            lambda instance: adopt_stray(instance.pk),
            done="Adopted",
        )

    @admin.action(
        description="Destroy instances without a server", permissions=["change"]
    )
    def destroy(self, request: HttpRequest, instances: QuerySet[Instance]) -> None:
        """Destroy instances that need a decision."""
        run_for_each(
            self,
            request,
            instances,
            lambda instance: destroy_stray(instance.pk),
            done="Will be destroyed",
        )


@admin.register(Leftover)
class LeftoverAdmin(Shown):
    """Leftovers of terminated instances."""

    list_display = ("resource_id", "kind", "account", "region", "first_seen", "detail")
    list_filter = ("account", "first_seen")
    search_fields = ("resource_id", "key", "kind")
    list_select_related = ("account",)
    actions = ("delete_left",)

    @admin.action(description="Delete leftovers at the cloud", permissions=["change"])
    def delete_left(self, request: HttpRequest, left: QuerySet[Leftover]) -> None:
        """Delete leftovers that need a decision."""
        run_for_each(
            self,
            request,
            left,
            lambda each: delete_leftover(each.pk),
            done="Will be deleted",
        )
