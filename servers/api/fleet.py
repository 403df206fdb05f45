"""``/api/fleet`` and ``/api/tokens``: switches, server limit and API tokens."""

from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from servers.access.reach import find_token, reach_tokens
from servers.access.sessions import CONFIRM_FIRST, is_recent
from servers.access.tokens import issue_token, revoke_token
from servers.api.shared.bodies import Kind, read_body
from servers.api.shared.views import ScopedView
from servers.errors import InvalidError
from servers.models import Fleet, Token
from servers.operations import change_fleet
from servers.placing.location_gate import is_confirmed
from servers.reports.server_json import to_seconds

FLEET_FIELDS: Final = {
    "paused": Kind.FLAG,
    "paused_note": Kind.TEXT,
    "destroys_frozen": Kind.FLAG,
    "destroys_frozen_note": Kind.TEXT,
    "max_servers": Kind.NUMBER_OR_NONE,
}
TOKEN_FIELDS: Final = {
    "name": Kind.TEXT,
    "scopes": Kind.LIST,
    "expires": Kind.NUMBER,
}
MOST_TIME: Final = 2**40  # Unix seconds


class FleetView(ScopedView):
    """The fleet itself."""

    write_scope: ClassVar[str | None] = Token.Scope.FLEET_ADMIN
    read_right = "servers.view_fleet"
    write_right = "servers.change_fleet"

    def get(self, request: Request) -> Response:
        """Return the fleet's id, switches and server limit."""
        return Response(render_fleet(Fleet.objects.get()))

    def patch(self, request: Request) -> Response:
        """Change the pause flag, the freeze or the server limit of the fleet."""
        change_fleet(**read_body(self.body, FLEET_FIELDS, some=True))
        return Response(render_fleet(Fleet.objects.get()))


class Tokens(ScopedView):
    """The tokens."""

    read_scope: ClassVar[str | None] = Token.Scope.FLEET_ADMIN
    write_scope: ClassVar[str | None] = Token.Scope.FLEET_ADMIN
    read_right = "servers.view_token"
    write_right = "servers.add_token"

    def get(self, request: Request) -> Response:
        """Return all tokens, without their text, which is not stored."""
        rows = reach_tokens().select_related("user", "parent").order_by("name")
        return Response([_render_token(token) for token in rows])

    def post(self, request: Request) -> Response:
        """Create a token with at most your own scopes. Its text is shown only once."""
        session = getattr(request, "session", None)
        if self.caller.token is None and not is_recent(session):
            raise PermissionDenied(CONFIRM_FIRST)
        data = read_body(self.body, TOKEN_FIELDS, some=True)
        scopes = data.get("scopes", [])
        if not all(isinstance(scope, str) for scope in scopes):
            raise InvalidError(
                "scopes: Send an array of strings.",
                fields={"scopes": ["Send strings."]},
            )
        beyond = set(scopes) - self.caller.scopes
        if beyond:
            raise InvalidError(
                f"scopes: You can't grant {min(beyond)[:40]!r}, which you don't have.",
                fields={"scopes": ["Grant only scopes that you have."]},
            )
        text = issue_token(
            data.get("name", ""),
            scopes=scopes,
            expires_at=_read_time(data.get("expires")),
            user=self.caller.user,
            parent=self.caller.token,
        )
        token = reach_tokens().get(name=data["name"])
        return Response(
            {**_render_token(token), "token": text},
            status=201,
            headers={"Cache-Control": "no-store"},
        )


class OneToken(ScopedView):
    """One token."""

    read_scope: ClassVar[str | None] = Token.Scope.FLEET_ADMIN
    write_scope: ClassVar[str | None] = Token.Scope.FLEET_ADMIN
    read_right = "servers.view_token"
    write_right = "servers.change_token"

    def get(self, request: Request, name: str) -> Response:
        """Return one token."""
        return Response(_render_token(find_token(name)))

    def delete(self, request: Request, name: str) -> Response:
        """Revoke a token at once and for good."""
        revoke_token(find_token(name))
        return Response(status=204)


def render_fleet(fleet: Fleet) -> dict[str, Any]:
    """Return the fleet as JSON."""
    return {
        "fleet": fleet.fleet_id,
        "confirmed": is_confirmed(fleet),
        "paused": fleet.paused,
        "paused_by": fleet.paused_by,
        "paused_note": fleet.paused_note,
        "destroys_frozen": fleet.destroys_frozen,
        "destroys_frozen_note": fleet.destroys_frozen_note,
        "max_servers": fleet.max_servers,
    }


def _render_token(token: Token) -> dict[str, Any]:
    return {
        "name": token.name,
        "id": token.public_id,
        "scopes": token.scopes,
        "last_used": to_seconds(token.last_used_at),
        "expires": to_seconds(token.expires_at),
        "revoked": to_seconds(token.revoked_at),
        "maker": token.user.get_username() if token.user else "",
        "parent": token.parent.name if token.parent else "",
    }


def _read_time(seconds: int | None) -> datetime | None:
    if not seconds:
        return None
    if not 0 < seconds < MOST_TIME:
        raise InvalidError(
            "expires: Send Unix seconds, or 0 for never.",
            fields={"expires": ["Send Unix seconds, or 0 for never."]},
        )
    return datetime.fromtimestamp(seconds, UTC)
