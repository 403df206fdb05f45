"""The fleet itself, and the API tokens."""

from functools import partial
from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from servers.access.tokens import revoke_token
from servers.admin.base import Shown, act_on_each, act_once
from servers.models import Fleet, Token
from servers.operations.fleet import freeze_destroys, pause_fleet, resume_fleet


@admin.register(Fleet)
class FleetAdmin(Shown):
    """The fleet: its id and its switches, which are actions."""

    list_display = ("fleet_id", "paused", "paused_by", "paused_note", "destroys_frozen")
    actions = ("pause", "resume", "freeze", "unfreeze")
    pause = act_once("Set the pause flag", pause_fleet, said="The pause flag is set.")
    resume = act_once(
        "Clear the pause flag", resume_fleet, said="The pause flag is cleared."
    )
    freeze = act_once(
        "Freeze all destroys",
        partial(freeze_destroys, frozen=True),
        said="Destroys are frozen.",
    )
    unfreeze = act_once(
        "Allow destroys again",
        partial(freeze_destroys, frozen=False),
        said="Destroys are allowed again.",
    )


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
