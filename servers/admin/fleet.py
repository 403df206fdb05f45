"""The fleet itself, and the API tokens."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest

from servers.access.tokens import revoke_token
from servers.admin.base import Shown, act_on_each
from servers.models import Fleet, Token
from servers.operations import freeze_destroys, pause_fleet, resume_fleet


@admin.register(Fleet)
class FleetAdmin(Shown):
    """The fleet: its id and its switches, which are actions."""

    list_display = ("fleet_id", "paused", "paused_by", "paused_note", "destroys_frozen")
    actions = ("pause", "resume", "freeze", "unfreeze")

    @admin.action(description="Set the pause flag", permissions=["change"])
    def pause(self, request: HttpRequest, fleets: QuerySet[Fleet]) -> None:
        """Set the pause flag."""
        pause_fleet()
        self.message_user(request, "The pause flag is set.", messages.SUCCESS)

    @admin.action(description="Clear the pause flag", permissions=["change"])
    def resume(self, request: HttpRequest, fleets: QuerySet[Fleet]) -> None:
        """Clear the pause flag."""
        resume_fleet()
        self.message_user(request, "The pause flag is cleared.", messages.SUCCESS)

    @admin.action(description="Freeze all destroys", permissions=["change"])
    def freeze(self, request: HttpRequest, fleets: QuerySet[Fleet]) -> None:
        """Freeze destroys."""
        freeze_destroys(frozen=True)
        self.message_user(request, "Destroys are frozen.", messages.SUCCESS)

    @admin.action(description="Allow destroys again", permissions=["change"])
    def unfreeze(self, request: HttpRequest, fleets: QuerySet[Fleet]) -> None:
        """Allow destroys again."""
        freeze_destroys(frozen=False)
        self.message_user(request, "Destroys are allowed again.", messages.SUCCESS)


@admin.register(Token)
class TokenAdmin(Shown):
    """The tokens: their scopes and last use, never their secrets."""

    list_display = (
        "name",
        "public_id",
        "user",
        "scopes",
        "last_used_at",
        "expires_at",
        "revoked_at",
    )
    list_filter = ("last_used_at", "expires_at", "revoked_at")
    search_fields = ("name", "public_id")
    list_select_related = ("user",)
    actions = ("revoke",)
    revoke = act_on_each("Revoke tokens", revoke_token, done="Revoked")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Return all fields except the digest."""
        fields = super().get_readonly_fields(request, obj)
        return [name for name in fields if name != "digest"]
