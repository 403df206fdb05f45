"""``/api/servers`` as a viewset."""

from collections.abc import Mapping
from typing import Any, Final

from rest_framework.request import Request as HTTPRequest
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from servers.api.bodies import Kind, read_body
from servers.api.details import patch_server
from servers.api.listing import select_servers
from servers.api.views import ScopedView
from servers.api.wire import render_server
from servers.errors import InvalidError
from servers.models import Server, Token
from servers.operations import (
    Request,
    provision_once,
    provision_servers,
    retry_server,
    terminate_server,
)
from servers.selectors import find_server, list_servers

TRUE: Final = frozenset({"1", "t", "T", "TRUE", "true", "True"})
FALSE: Final = frozenset({"0", "f", "F", "FALSE", "false", "False", ""})
FIELDS: Final = {
    **dict.fromkeys(("template", "name", "image", "region", "size"), Kind.TEXT),
    **dict.fromkeys(("capacity", "ttl", "count"), Kind.NUMBER),
    "labels": Kind.LABELS,
}


class ServerViewSet(ScopedView, ViewSet):
    """The servers: list, show, create, change, terminate."""

    def list(self, request: HTTPRequest) -> Response:
        """Return the visible servers, oldest first unless ``ordering`` says else."""
        rows, headers = select_servers(list_servers(), request)
        return Response([self._render(server) for server in rows], headers=headers)

    def retrieve(self, request: HTTPRequest, name: str) -> Response:
        """Return one server."""
        return Response(self._render(find_server(name)))

    def partial_update(self, request: HTTPRequest, name: str) -> Response:
        """Change labels, ttl, capacity or protection; return the details."""
        return Response(patch_server(name, self.body))

    def retry(self, request: HTTPRequest, name: str) -> Response:
        """Begin anew with an errored server."""
        return Response(self._render(retry_server(name)))

    def create(self, request: HTTPRequest) -> Response:
        """Accept one server, or ``count`` of them, and answer at once."""
        asked = read_request(self.body)
        key = request.headers.get("Idempotency-Key")
        headers = {}
        if key is None:
            servers = provision_servers(asked)
        else:
            servers, replayed = provision_once(
                asked, caller=self.caller.name, key=key, body=self.body
            )
            if replayed:
                headers["Idempotent-Replayed"] = "true"
        made = [self._render(server) for server in servers]
        return Response(made[0] if asked.count == 1 else made, headers=headers)

    def destroy(self, request: HTTPRequest, name: str) -> Response:
        """Ask for the end of a server."""
        force = read_force(request.query_params.getlist("force"))
        server = terminate_server(name, force=force)
        if server is None:
            return Response(status=204)
        return Response(self._render(server))

    def _render(self, server: Server) -> dict[str, Any]:
        return render_server(
            server, with_secrets=self.caller.may(Token.Scope.SECRETS_READ)
        )


def read_force(given: list[str]) -> bool:
    """Return the parameter ``force`` as Go's strconv reads it; InvalidError else."""
    if not given:
        return False
    if len(given) == 1 and given[0] in TRUE:
        return True
    if len(given) == 1 and given[0] in FALSE:
        return False
    raise InvalidError(
        "force must be true or false.", fields={"force": ["Use true or false."]}
    )


def read_request(data: Mapping[str, Any]) -> Request:
    """Return what a body asks for; InvalidError for a wrong type or unknown field."""
    return Request(**read_body(data, FIELDS))
