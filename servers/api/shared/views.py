"""What all views of the API share. Not in auth.py, because DRF imports that one."""

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework.permissions import SAFE_METHODS
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from servers.access.tokens import Caller
from servers.api.shared.limits import RateLimitedView
from servers.freshness.stamps import Stamps, read_stamps
from servers.models import Token


class ScopedView(RateLimitedView):
    """A view with the scopes and permissions it needs. None lets everyone in."""

    read_scope: ClassVar[str | None] = Token.Scope.SERVERS_READ
    write_scope: ClassVar[str | None] = Token.Scope.SERVERS_WRITE
    # The permission that a person needs, as on the page that does the same. ``rights``
    # has the exceptions by act: a method, or a viewset's action.
    read_right: ClassVar[str] = "servers.view_server"
    write_right: ClassVar[str] = "servers.change_server"
    rights: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def list_rights(self, request: Any) -> tuple[str, ...]:
        """Return the permissions that a person needs for a request."""
        act = getattr(self, "action", None) or str(request.method).lower()
        if act in self.rights:
            return self.rights[act]
        safe = request.method in SAFE_METHODS
        return (self.read_right if safe else self.write_right,)

    @property
    def caller(self) -> Caller:
        """The caller. Only for views that need a scope."""
        caller = self.request.user
        assert isinstance(caller, Caller)
        return caller

    @property
    def stamps(self) -> Stamps | None:
        """The stamps that show changes, read before anything else."""
        read = self.request.auth
        return read if isinstance(read, Stamps) else read_stamps()

    @property
    def body(self) -> dict[str, Any]:
        """The JSON object in the request; empty if there is no body."""
        data = self.request.data
        assert isinstance(data, dict)  # the parser accepts nothing else
        return data

    def read(self, serializer: type[BaseSerializer[Any]]) -> dict[str, Any]:
        """Return the checked fields of the body. Raise InvalidError."""
        read = serializer(data=self.body)
        read.is_valid(raise_exception=True)
        found: dict[str, Any] = read.validated_data
        return found

    def options(self, request: Any, *args: Any, **kwargs: Any) -> Response:
        """Return the methods in Allow."""
        return Response(status=204)
