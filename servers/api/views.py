"""What all views of the API share. Apart from auth.py, which DRF itself imports."""

from typing import Any, ClassVar

from rest_framework.response import Response

from servers.api.limits import RateLimitedView
from servers.models import Token
from servers.stamps import Stamps, read_stamps
from servers.tokens import Caller


class ScopedView(RateLimitedView):
    """A view that names its scopes; None lets anyone in."""

    read_scope: ClassVar[str | None] = Token.Scope.SERVERS_READ
    write_scope: ClassVar[str | None] = Token.Scope.SERVERS_WRITE

    @property
    def caller(self) -> Caller:
        """Who asks; only for views that name a scope."""
        caller = self.request.user
        assert isinstance(caller, Caller)
        return caller

    @property
    def stamps(self) -> Stamps | None:
        """What tells that something changed, read before anything else was."""
        read = self.request.auth
        return read if isinstance(read, Stamps) else read_stamps()

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object that was sent; empty without a body."""
        data = self.request.data
        assert isinstance(data, dict)  # the parser takes nothing else
        return data

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Tell the methods, in Allow."""
        return Response(status=204)
