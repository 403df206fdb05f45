"""What all views of the API share. Apart from auth.py, which DRF itself imports."""

from typing import Any, ClassVar

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from servers.models import Token


class ScopedView(APIView):
    """A view that names its scopes; None lets anyone in."""

    read_scope: ClassVar[str | None] = Token.Scope.SERVERS_READ
    write_scope: ClassVar[str | None] = Token.Scope.SERVERS_WRITE

    def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Tell the methods, in Allow."""
        return Response(status=204)
