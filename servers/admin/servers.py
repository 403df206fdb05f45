"""Servers and the instances and attempts behind them."""

from datetime import UTC
from typing import Any, ClassVar, Final

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe

from servers.admin.base import (
    Shown,
    ShownInline,
    act_on_each,
    show_badge,
    show_in_short,
)
from servers.admin.filters import RegionFilter
from servers.models import (
    Attempt,
    Event,
    Host,
    Instance,
    Leftover,
    Registration,
    Server,
)
from servers.operations.cordon import cordon_server, uncordon_server
from servers.operations.terminate import protect_server, retry_server, terminate_server
from servers.operations.unowned import adopt_unowned, delete_leftover, destroy_unowned


class _EventInline(ShownInline):
    """A server's history, shown on its page. It is append-only."""

    model = Event
    fields = readonly_fields = (
        "at",
        "kind",
        "from_state",
        "to_state",
        "reason",
        "actor",
    )


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
        "cordoned",
    )
    search_fields = ("name", "instance_id", "address")
    list_select_related = ("account", "template")
    inlines: ClassVar = [_EventInline]
    actions = (
        "terminate",
        "terminate_by_force",
        "retry",
        "cordon",
        "uncordon",
        "protect",
        "unprotect",
    )
    state_badge = show_badge("state")
    error_in_short = show_in_short("error")
    terminate = act_on_each(
        "Terminate servers (after their builds)",
        lambda server: terminate_server(server.name),
        done="Terminating",
    )
    terminate_by_force = act_on_each(
        "Terminate servers (by force, without waiting for builds)",
        lambda server: terminate_server(server.name, force=True),
        done="Terminating (forced)",
    )
    retry = act_on_each(
        "Retry failed servers",
        lambda server: retry_server(server.name),
        done="Retrying",
    )
    cordon = act_on_each(
        "Cordon servers",
        lambda server: cordon_server(server.name),
        done="Cordoned",
    )
    uncordon = act_on_each(
        "Uncordon servers",
        lambda server: uncordon_server(server.name),
        done="Uncordoned",
    )
    protect = act_on_each(
        "Protect servers",
        lambda server: protect_server(server.name, protected=True),
        done="Protected",
    )
    unprotect = act_on_each(
        "Unprotect servers",
        lambda server: protect_server(server.name, protected=False),
        done="Unprotected",
    )

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

    def view_on_site(self, server: Server) -> str:
        """Return the server's page, which says why it waits."""
        return reverse("server", args=[server.name])


# What an instance proves itself by: a digest would let somebody test guesses. And what
# its boot printed.
_HIDDEN: Final = frozenset({"token_digest", "secret_digest", "log_end"})


@admin.register(Host)
class HostAdmin(Shown):
    """The machines of the servers, as last seen. No keys, no token and no log."""

    list_display = (
        "server",
        "booted_at",
        "agent_started_at",
        "checked_at",
        "heartbeat_at",
        "failures",
        "problem_in_short",
    )
    list_filter = ("boot_failed", "checked_at")
    search_fields = ("server__name", "problem")
    list_select_related = ("server",)
    ordering = ("-server__created_at", "-server_id")
    problem_in_short = show_in_short("problem")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Return the fields without digests and logs."""
        fields = super().get_readonly_fields(request, obj)
        return [name for name in fields if name not in _HIDDEN]


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
    answer_in_short = show_in_short("answer")
    outcome_badge = show_badge("outcome")


@admin.register(Registration)
class RegistrationAdmin(Shown):
    """The agents that were registered at their CI. No variables."""

    list_display = (
        "key",
        "server_name",
        "queue",
        "asked_at",
        "registered_at",
        "revoked_at",
        "problem_in_short",
    )
    list_filter = ("asked_at", "queue")
    search_fields = ("key", "server_name", "runner_id")
    list_select_related = ("queue",)
    ordering = ("-asked_at", "-pk")
    problem_in_short = show_in_short("problem")


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
    verdict_badge = show_badge("verdict")
    adopt = act_on_each(
        "Adopt: create servers for these instances",
        lambda instance: adopt_unowned(instance.pk),
        done="Adopted",
    )
    destroy = act_on_each(
        "Destroy instances without a server",
        lambda instance: destroy_unowned(instance.pk),
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
    delete_left = act_on_each(
        "Delete leftovers at the cloud",
        lambda leftover: delete_leftover(leftover.pk),
        done="Will be deleted",
    )
