"""Who calls: a bearer token, or a signed-in person's session with CSRF protection."""

from typing import Any, Final

from rest_framework.authentication import (
    BaseAuthentication,
)
from rest_framework.authentication import (
    SessionAuthentication as BaseSessionAuthentication,
)
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request

from servers import tracing
from servers.sessions import CHOOSE_FIRST, MUST_CHANGE
from servers.stamps import Stamps, read_clock, read_stamps
from servers.tokens import Caller, check_token, rights_of, scopes_of

NEEDS_BEARER = "Send an API token: 'Authorization: Bearer sf_…'."
REFUSED = (
    "The API token is unknown, revoked or past its expiry. Make a new one with "
    "`manage.py createtoken` or in the admin."
)


def find_bearer(header: str) -> str:
    """Return the token in an Authorization header, or "".

    The peer takes a token without a scheme, too, so there are clients that send none.
    """
    scheme, _, text = header.strip().partition(" ")
    if scheme.lower() == "bearer":
        return text.strip()
    return "" if text else scheme


class TokenAuthentication(BaseAuthentication):
    """``Authorization: Bearer sf_…``, or the token alone."""

    def authenticate(self, request: Request) -> tuple[Caller, Stamps | None] | None:
        """Return the token's caller and the stamps; None where no token was sent."""
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
        """Check Django's own request: DRF's would parse the body as JSON first."""
        super().enforce_csrf(request._request)  # type: ignore[arg-type]  # noqa: SLF001


class HasScope(BasePermission):
    """The token has the scope that the view asks for, the person the permission.

    A person's session has no scopes: it may do what the pages let that person do. A
    token that a person created needs both.
    """

    NEEDS_SCOPE: Final = (
        "The API token has no right to do this; it needs the scope {scope}."
    )
    NEEDS_RIGHT: Final = (
        "You don't have permission to do this. Ask an admin for the permission {right}."
    )
    MAKER_NEEDS_RIGHT: Final = (
        "Who created this API token does not have the permission {right}, so the token "
        "doesn't either."
    )

    def has_permission(self, request: Request, view: Any) -> bool:
        """Compare the caller's scopes with those of the view, a ScopedView."""
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
