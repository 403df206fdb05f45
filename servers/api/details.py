"""Details of a server beyond the nineteen fields of the Drone Autoscaler's API."""

from typing import Final

from django.urls import get_script_prefix
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from servers.api.schema.describe import describe
from servers.api.schema.parameters import FEED
from servers.api.serializers.boot import BootLogSerializer
from servers.api.serializers.connect import ConnectionSerializer
from servers.api.serializers.costs import ServerCostsSerializer
from servers.api.serializers.history import AttemptSerializer, EventSerializer
from servers.api.serializers.server_details import DetailsSerializer, WhySerializer
from servers.api.shared.parameters import MAX_AFTER, MAX_EVENTS, read_number
from servers.api.shared.views import ScopedView
from servers.errors import InvalidError
from servers.models import Attempt, Server, Token
from servers.operations.connect import read_connection
from servers.records.ledger import database_now
from servers.reports.boot_log import read_boot
from servers.reports.costs import cost_server
from servers.reports.feed import MAX_WAIT, follow_events
from servers.reports.selectors import find_server
from servers.reports.why import explain_server

ASK_AGAIN: Final = "2"  # seconds, if too many requests wait already


class ServerDetails(ScopedView, ViewSet):
    """``/api/servers/{name}/…``."""

    @describe("getDetails", DetailsSerializer, errors=[404])
    def details(self, request: Request, name: str) -> Response:
        """Return the template, labels, ttl, flags, times and price of a server."""
        return Response(DetailsSerializer(find_server(name)).data)

    @describe("getServerCosts", ServerCostsSerializer, errors=[404])
    def costs(self, request: Request, name: str) -> Response:
        """Return what a server has cost, failed attempts and doubles included."""
        found = cost_server(find_server(name), now=database_now())
        return Response(ServerCostsSerializer(found).data)

    @describe("explainServer", WhySerializer, errors=[404])
    def why(self, request: Request, name: str) -> Response:
        """Return what a server is waiting for, since when, and what happens next."""
        server = find_server(name)
        why = explain_server(server, now=database_now())
        return Response(WhySerializer({"server": server, "why": why}).data)

    @describe(
        "listServerEvents", EventSerializer(many=True), errors=[404], parameters=FEED
    )
    def events(self, request: Request, name: str) -> Response:
        """Return the events of a server, oldest first."""
        server = find_server(name)
        return list_events(request, server=server)

    @describe(
        "getBootLog",
        BootLogSerializer,
        errors=[404],
        says="Only instances of templates with the readiness `callback` report their "
        "boot. Known secrets of the template are hidden in the log.",
    )
    def log(self, request: Request, name: str) -> Response:
        """Return the steps and the log of the boot that the instance reported."""
        return Response(BootLogSerializer(read_boot(find_server(name))).data)

    @describe("listAttempts", AttemptSerializer(many=True), errors=[404])
    def attempts(self, request: Request, name: str) -> Response:
        """Return every attempt to create a server, with the cloud's response."""
        attempts = (
            Attempt.objects.filter(server_uid=find_server(name).pk)
            .select_related("account")
            .order_by("number")
        )
        return Response(AttemptSerializer(attempts, many=True).data)


class Connect(ScopedView, ViewSet):
    """``/api/servers/{name}/connect``."""

    read_scope = Token.Scope.SECRETS_READ
    read_right = "servers.view_secrets"

    @describe(
        "connectServer",
        ConnectionSerializer,
        errors=[404, 409],
        says="Each call is in the server's history.",
    )
    def connect(self, request: Request, name: str) -> Response:
        """Return the certificates and the key of a server, and how to connect to it."""
        origin = request.build_absolute_uri(get_script_prefix()).rstrip("/")
        found = read_connection(name, origin=origin)
        return Response(
            ConnectionSerializer(found).data, headers={"Cache-Control": "no-store"}
        )


class Events(ScopedView):
    """``/api/events``: the events of the whole fleet."""

    read_right = "servers.view_event"

    @describe(
        "listEvents",
        EventSerializer(many=True),
        parameters=FEED,
        says="With `wait`, the response arrives with the first event, or empty after "
        "that time.",
    )
    def get(self, request: Request) -> Response:
        """Return the events of the fleet, oldest first."""
        return list_events(request, server=None)


def list_events(request: Request, *, server: Server | None) -> Response:
    """Return up to ``limit`` events after the id ``after``; Link names the next page.

    If there is no event yet, wait up to ``wait`` seconds for the first one.
    """
    unknown = set(request.query_params) - {"after", "limit", "wait"}
    if unknown:
        name = min(unknown)[:80]
        raise InvalidError(
            f"{name}: Unknown parameter. Use any of after, limit, wait.",
            fields={name: ["Unknown parameter."]},
        )
    after = _read_number(request, "after", default=0, least=0, most=MAX_AFTER)
    limit = _read_number(request, "limit", default=100, least=1, most=MAX_EVENTS)
    wait = _read_number(request, "wait", default=0, least=0, most=MAX_WAIT)
    events = follow_events(
        after=after,
        limit=limit + 1,
        seconds=wait,
        server_uid=server.pk if server else None,
    )
    if events is None:
        return Response([], headers={"Retry-After": ASK_AGAIN})
    shown = events[:limit]
    headers = {}
    if len(events) > limit:
        base = request.build_absolute_uri(request.path)
        headers["Link"] = f'<{base}?after={shown[-1].pk}&limit={limit}>; rel="next"'
    return Response(EventSerializer(shown, many=True).data, headers=headers)


def _read_number(
    request: Request, name: str, *, default: int, least: int, most: int
) -> int:
    texts = request.query_params.getlist(name) or [str(default)]
    # Several values are no number.
    return read_number(name, ",".join(texts), least, most)
