"""``/api/fleet`` and ``/api/tokens``: switches, server limit and API tokens."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import ClassVar

from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from servers.access.reach import find_token, reach_tokens
from servers.access.sessions import CONFIRM_FIRST, is_recent
from servers.access.tokens import issue_token, revoke_token
from servers.api.schema.describe import describe
from servers.api.serializers.fleet import (
    MAX_TIME,
    FleetSerializer,
    NewTokenSerializer,
    TokenSerializer,
)
from servers.api.shared.views import ScopedView
from servers.errors import InvalidError
from servers.models import Fleet, Token
from servers.operations.fleet import change_fleet


class FleetView(ScopedView):
    """The fleet itself."""

    write_scope: ClassVar[str | None] = Token.Scope.FLEET_ADMIN
    read_right = "servers.view_fleet"
    write_right = "servers.change_fleet"

    @describe("getFleet", FleetSerializer)
    def get(self, request: Request) -> Response:
        """Return the fleet's id, switches and server limit."""
        return Response(FleetSerializer(Fleet.objects.get()).data)

    @describe("changeFleet", FleetSerializer, body=FleetSerializer)
    def patch(self, request: Request) -> Response:
        """Change the pause flag, the freeze or the server limit of the fleet."""
        change_fleet(**self.read(FleetSerializer))
        return Response(FleetSerializer(Fleet.objects.get()).data)


class TokenViewSet(ScopedView, ViewSet):
    """The tokens."""

    read_scope: ClassVar[str | None] = Token.Scope.FLEET_ADMIN
    write_scope: ClassVar[str | None] = Token.Scope.FLEET_ADMIN
    read_right = "servers.view_token"
    write_right = "servers.change_token"
    rights: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "create": ("servers.add_token",),
    }

    @describe("listTokens", TokenSerializer(many=True))
    def list(self, request: Request) -> Response:
        """Return all tokens, without their text, which is not stored."""
        rows = reach_tokens().select_related("user", "parent").order_by("name")
        return Response(TokenSerializer(rows, many=True).data)

    @describe(
        "createToken",
        NewTokenSerializer,
        status=201,
        body=TokenSerializer,
        errors=[409],
    )
    def create(self, request: Request) -> Response:
        """Create a token with at most your own scopes. Its text is shown only once."""
        session = getattr(request, "session", None)
        if self.caller.token is None and not is_recent(session):
            raise PermissionDenied(CONFIRM_FIRST)
        data = self.read(TokenSerializer)
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
            TokenSerializer(token).data | {"token": text},
            status=201,
            headers={"Cache-Control": "no-store"},
        )

    @describe("getToken", TokenSerializer, errors=[404])
    def retrieve(self, request: Request, name: str) -> Response:
        """Return one token."""
        return Response(TokenSerializer(find_token(name)).data)

    @describe("revokeToken", status=204, errors=[404])
    def destroy(self, request: Request, name: str) -> Response:
        """Revoke a token at once and for good."""
        revoke_token(find_token(name))
        return Response(status=204)


def _read_time(seconds: int | None) -> datetime | None:
    if not seconds:
        return None
    if not 0 < seconds < MAX_TIME:
        raise InvalidError.of({"expires": ["Send Unix seconds, or 0 for never."]})
    return datetime.fromtimestamp(seconds, UTC)
