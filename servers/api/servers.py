"""``/api/servers`` as a viewset."""

from collections.abc import Mapping
from typing import Any, ClassVar, Final

from django.http.response import HttpResponseBase
from rest_framework.request import Request as HTTPRequest
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from servers.access.tokens import Caller
from servers.api.schema.describe import describe
from servers.api.schema.parameters import CACHED, FORCE, LIST, ONCE
from servers.api.serializers.server_details import DetailsSerializer
from servers.api.serializers.servers import (
    PENDING,
    SHUTDOWN,
    ServerChangeSerializer,
    ServerRequestSerializer,
    ServerSerializer,
)
from servers.api.server_list.conditional import (
    answer_bytes,
    answer_known,
    digest_query,
    is_known,
    make_etag,
)
from servers.api.server_list.fragments import EncodedServers, encoded_servers, find_name
from servers.api.server_list.listing import select_servers
from servers.api.shared.parameters import read_force
from servers.api.shared.views import ScopedView
from servers.errors import NotFoundError
from servers.freshness.stamps import Stamps
from servers.models import Server, Token
from servers.operations.change import Change, change_server
from servers.operations.cordon import cordon_server, uncordon_server
from servers.operations.idempotency import provision_once
from servers.operations.provision import Request, provision_servers
from servers.operations.terminate import retry_server, terminate_server
from servers.reports.selectors import list_servers
from servers.reports.server_json import render_server

_SERVER: Final = {"$ref": "#/components/schemas/Server"}
_ONE_OR_SEVERAL: Final = {
    "anyOf": [_SERVER, {"type": "array", "items": _SERVER, "minItems": 2}]
}


class ServerViewSet(ScopedView, ViewSet):
    """List, show, create, change and terminate servers."""

    rights: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "create": ("servers.add_server",)
    }

    def finalize_response(
        self, request: Any, response: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Forbid caches to store a response that may contain keys."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        caller = self.identified
        if isinstance(caller, Caller) and caller.may(Token.Scope.SECRETS_READ):
            answer.headers["Cache-Control"] = "no-store"
        return answer

    @describe(
        "listServers",
        ServerSerializer(many=True),
        also=[304],
        parameters=LIST,
        says="Returns a bare array. With `limit` or `offset`, it is one page.",
    )
    def list(self, request: HTTPRequest) -> HttpResponseBase:
        """Return the visible servers, oldest first unless ``ordering`` is given."""
        stamps = self.stamps
        etag = self._tag_list(stamps)
        if etag is not None and is_known(request, etag):
            return answer_known(etag)
        if not request.query_params:
            stamp = None if stamps is None else stamps.servers
            return answer_bytes(*self._encoded.list_all(stamp), etag=etag)
        rows, headers = select_servers(list_servers(), request)
        answer = answer_bytes(*self._encoded.list_some(rows), etag=etag)
        for name, value in headers.items():
            answer[name] = value
        return answer

    @describe(
        "getServer", ServerSerializer, also=[304], errors=[404], parameters=CACHED
    )
    def retrieve(self, request: HTTPRequest, name: str) -> HttpResponseBase:
        """Return one server."""
        stamps = self.stamps
        key = find_name(name, None if stamps is None else stamps.servers)
        etag = None
        if stamps is not None:
            etag = make_etag(key[0].hex, key[1], self._rights)
            if is_known(request, etag):
                return answer_known(etag)
        body = self._encoded.encode(key)
        if body is None:  # purged in between
            raise NotFoundError.named("server", name)
        return answer_bytes(body, etag=etag)

    @describe(
        "changeServer",
        DetailsSerializer,
        body=ServerChangeSerializer,
        errors=[404, 409],
    )
    def partial_update(self, request: HTTPRequest, name: str) -> Response:
        """Change the labels, ttl, capacity or protection of a server."""
        change = Change(**self.read(ServerChangeSerializer))
        return Response(DetailsSerializer(change_server(name, change)).data)

    @describe("retryServer", ServerSerializer, errors=[404, 409], example=PENDING)
    def retry(self, request: HTTPRequest, name: str) -> Response:
        """Retry a failed server."""
        return Response(self._render(retry_server(name)))

    @describe(
        "cordonServer",
        ServerSerializer,
        errors=[404],
        says="Its agent finishes its builds and ends. Those of Woodpecker and GitHub "
        "are told only once no build runs, so their CI can send more until then, "
        "unless the queue of the server's pool can cordon them there. On a "
        "server without an agent the cordon is a mark only. A server that is not "
        "running yet starts without its agent. `why` and the event tell which it is. "
        "Repeating the call changes nothing.",
    )
    def cordon(self, request: HTTPRequest, name: str) -> Response:
        """Mark a server to get no new builds, and tell its agent."""
        return Response(self._render(cordon_server(name)))

    @describe(
        "uncordonServer",
        ServerSerializer,
        errors=[404, 409],
        says="If its agent is still finishing builds, it is started again after that.",
    )
    def uncordon(self, request: HTTPRequest, name: str) -> Response:
        """Uncordon a server, and have its agent take builds again."""
        return Response(self._render(uncordon_server(name)))

    @describe(
        "createServers",
        _ONE_OR_SEVERAL,
        body=ServerRequestSerializer,
        errors=[409, 422],
        parameters=ONCE,
        example=PENDING,
        says="Without a body, one server is created from the default template. If the "
        "request is refused, no server is created.",
    )
    def create(self, request: HTTPRequest) -> Response:
        """Create one or more servers. The response does not wait for the cloud."""
        asked = Request(**self.read(ServerRequestSerializer))
        key = request.headers.get("Idempotency-Key")
        headers = {}
        if key is None:
            servers = provision_servers(asked, stamps=self.stamps)
        else:
            servers, replayed = provision_once(
                asked, caller=self.caller.name, key=key, body=self.body
            )
            if replayed:
                headers["Idempotent-Replayed"] = "true"
        made = [self._render(server) for server in servers]
        return Response(made[0] if asked.count == 1 else made, headers=headers)

    @describe(
        "terminateServer",
        ServerSerializer,
        also=[204],
        errors=[404, 409],
        parameters=[FORCE],
        example=SHUTDOWN,
        says="The server drains: its instance is destroyed once its running builds "
        "have finished, or when the template's drain timeout has passed. Most agents "
        "take no new builds meanwhile. With `force`, the instance is destroyed at "
        "once, also if the server drains already. Otherwise repeating the call "
        "changes nothing. A server in `error` is removed from the list at once (204) "
        "if it has no instance, or with `force`.",
    )
    def destroy(self, request: HTTPRequest, name: str) -> Response:
        """Terminate a server."""
        server = terminate_server(name, force=read_force(request))
        if server is None:
            return Response(status=204)
        return Response(self._render(server))

    def _tag_list(self, stamps: Stamps | None) -> str | None:
        if stamps is None:
            return None
        # Labels and templates can filter a list, although it does not show them.
        stamp = stamps.pages if self.request.query_params else stamps.servers
        return make_etag(stamp, self._rights, digest_query(self.request))

    @property
    def _with_secrets(self) -> bool:
        return self.caller.may(Token.Scope.SECRETS_READ)

    @property
    def _rights(self) -> str:
        return "s" if self._with_secrets else "o"

    @property
    def _encoded(self) -> EncodedServers:
        return encoded_servers(with_secrets=self._with_secrets)

    def _render(self, server: Server) -> dict[str, Any]:
        return render_server(server, with_secrets=self._with_secrets)
