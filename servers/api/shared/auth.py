"""Authentication: a bearer token, or a person's session with CSRF protection."""

from typing import Any, Final

from rest_framework.authentication import BaseAuthentication
from rest_framework.authentication import (
    SessionAuthentication as BaseSessionAuthentication,
)
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from servers import tracing
from servers.access.sessions import CHOOSE_FIRST, MUST_CHANGE
from servers.access.tokens import Caller, check_token, rights_of, scopes_of
from servers.freshness.stamps import Stamps, read_clock, read_stamps

NEEDS_BEARER = "Send an API token: 'Authorization: Bearer sf_…'."
REFUSED = (
    "The API token is unknown, revoked or expired. Create a new one with "
    "`manage.py createtoken` or in the admin."
)


def find_bearer(header: str) -> str:
    """Return the token in an Authorization header, or "".

    The Drone Autoscaler also accepts a token without a scheme, so some clients send it
    that way.
    """
    scheme, _, text = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return text.strip()
    return "" if text else scheme


class TokenAuthentication(BaseAuthentication):
    """Reads ``Authorization: Bearer sf_…``, or the token alone."""

    def authenticate(self, request: Request) -> tuple[Caller, Stamps | None] | None:
        """Return the token's caller and the stamps, or None if no token was sent."""
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header:
            return None
        caller = stamps = None
        if text := find_bearer(header):
            stamps = read_stamps()
            caller = check_token(text, now=read_clock(stamps), stamps=stamps)
        if caller is None:
            raise AuthenticationFailed(REFUSED)
        tracing.set_actor(caller.name)
        return caller, stamps

    def authenticate_header(self, request: Request) -> str:
        """Return the scheme that a 401 asks for."""
        return "Bearer"


class SessionAuthentication(BaseSessionAuthentication):
    """Reads a person's session. Writes need the CSRF token."""

    def authenticate(self, request: Request) -> Any:
        """Return the person as a caller. Read no session if none was sent."""
        if not request.COOKIES:
            return None
        found = super().authenticate(request)
        if found is None:
            return None
        user = found[0]
        tracing.set_actor(f"user:{user.get_username()}")
        if request.session.get(MUST_CHANGE):
            raise PermissionDenied(CHOOSE_FIRST)
        caller = Caller(
            f"user:{user.get_username()}",
            scopes_of(user),
            user=user,
            rights=rights_of(user),
        )
        return caller, None

    def enforce_csrf(self, request: Request) -> None:
        """Check Django's own request: DRF's would first parse the body as JSON."""
        super().enforce_csrf(request._request)  # type: ignore[arg-type]  # noqa: SLF001


class HasScope(BasePermission):
    """Requires the view's scope of a token, and its permission of a person.

    A person's session has no scopes: it can do what that person can do on the pages. A
    token that a person created needs both.
    """

    NEEDS_SCOPE: Final = (
        "The API token doesn't have permission to do this. It needs the scope {scope}."
    )
    NEEDS_RIGHT: Final = (
        "You don't have permission to do this. Ask an admin for the permission {right}."
    )
    MAKER_NEEDS_RIGHT: Final = (
        "The person who created this API token doesn't have the permission {right}, so "
        "the token doesn't have it either."
    )

    def has_permission(self, request: Request, view: Any) -> bool:
        """Check the caller's scopes and permissions against those of a ScopedView."""
        safe = request.method in SAFE_METHODS
        scope = view.read_scope if safe else view.write_scope
        if scope is None:
            return True
        caller = request.user
        if not isinstance(caller, Caller):
            return False
        if caller.token is not None and not caller.may(scope):
            self.message = self.NEEDS_SCOPE.format(scope=scope)
            return False
        rights = view.list_rights(request)
        if caller.holds(*rights):
            return True
        words = self.NEEDS_RIGHT if caller.token is None else self.MAKER_NEEDS_RIGHT
        self.message = words.format(right=" and ".join(rights))
        return False
