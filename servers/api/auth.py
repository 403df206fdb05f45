"""Who calls: a bearer token, or a signed-in person's session with CSRF protection."""

from typing import Any

from django.utils import timezone
from rest_framework.authentication import (
    BaseAuthentication,
)
from rest_framework.authentication import (
    SessionAuthentication as BaseSessionAuthentication,
)
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from servers import tracing
from servers.stamps import Stamps, read_stamps
from servers.tokens import Caller, check_token, scopes_of

NEEDS_BEARER = "Send an API token: 'Authorization: Bearer sf_…'."
REFUSED = (
    "The API token is unknown, revoked or past its expiry. Make a new one with "
    "`manage.py createtoken` or in the admin."
)


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer sf_…``."""

    def authenticate(self, request: Request) -> tuple[Caller, Stamps | None] | None:
        """Return the token's caller and the stamps; None where no token was sent."""
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        scheme, _, text = header.partition(" ")
        caller = stamps = None
        if scheme.lower() == "bearer":
            stamps = read_stamps()
            caller = check_token(text.strip(), now=timezone.now(), stamps=stamps)
        if caller is None:
            raise AuthenticationFailed(REFUSED)
        tracing.set_actor(caller.name)
        return caller, stamps

    def authenticate_header(self, request: Request) -> str:
        """Return what a 401 asks for."""
        return "Bearer"


class SessionAuthentication(BaseSessionAuthentication):
    """A signed-in person; writes need the CSRF token."""

    def authenticate(self, request: Request) -> Any:
        """Return the person as a caller; reads no session where none was sent."""
        if not request.COOKIES:
            return None
        found = super().authenticate(request)
        if found is None:
            return None
        user = found[0]
        tracing.set_actor(f"user:{user.get_username()}")
        return Caller(f"user:{user.get_username()}", scopes_of(user)), None

    def enforce_csrf(self, request: Request) -> None:
        """Check Django's own request: DRF's would parse the body as JSON first."""
        super().enforce_csrf(request._request)  # type: ignore[arg-type]  # noqa: SLF001


class HasScope(BasePermission):
    """The caller has the scope that the view asks for, by method."""

    message = "The API token has no right to do this; it needs the scope {scope}."

    def has_permission(self, request: Request, view: Any) -> bool:
        """Compare the caller's scopes with those of the view, a ScopedView."""
        safe = request.method in SAFE_METHODS
        scope = view.read_scope if safe else view.write_scope
        if scope is None:
            return True
        caller = request.user
        if not isinstance(caller, Caller):
            return False
        self.message = HasScope.message.format(scope=scope)
        return caller.may(scope)
