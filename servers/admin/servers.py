"""Servers and the instances and attempts behind them."""

from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from servers.admin.base import Shown, badge, run_for_each
from servers.models import Attempt, Event, Instance, Leftover, Server
from servers.operations import protect_server, retry_server, terminate_server


class _EventInline(admin.TabularInline):  # type: ignore[type-arg]
    """The history of a server, on its page."""

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


@admin.register(Server)
class ServerAdmin(Shown):
    """The servers, with terminate, force and retry as actions."""

    list_display = (
        "name",
        "state_badge",
        "account",
        "region",
        "size",
        "address",
        "instance_id",
        "created_at",
        "error",
    )
    list_filter = ("state", "account", "template", "region", "hidden")
    search_fields = ("name", "instance_id", "address")
    list_select_related = ("account", "template")
    date_hierarchy = "created_at"
    inlines: ClassVar = [_EventInline]
    actions = ("terminate", "terminate_by_force", "retry", "protect", "unprotect")

    @admin.display(description="state", ordering="state")
    def state_badge(self, server: Server) -> SafeString:
        """Return the state."""
        return badge(server.state)

    @admin.action(description="Terminate: drain, then destroy", permissions=["change"])
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
        description="Terminate without waiting for the drain", permissions=["change"]
    )
    def terminate_by_force(
        self, request: HttpRequest, servers: QuerySet[Server]
    ) -> None:
        """Ask for the end of the servers, without drain."""
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
        "outcome",
        "answer_class",
        "asked_at",
        "answer",
    )
    list_filter = ("outcome", "answer_class", "account")
    search_fields = ("key", "server_name", "instance_id")
    list_select_related = ("account",)


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

    @admin.display(description="verdict", ordering="verdict")
    def verdict_badge(self, instance: Instance) -> SafeString:
        """Return the verdict."""
        return badge(instance.verdict)


@admin.register(Leftover)
class LeftoverAdmin(Shown):
    """What ended instances left behind. Decided on the page of leaks."""

    list_display = ("resource_id", "kind", "account", "region", "first_seen", "detail")
    list_filter = ("account", "kind")
    search_fields = ("resource_id", "key")
    list_select_related = ("account",)
