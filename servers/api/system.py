"""Endpoints of the service: health, version, pause flag and metrics."""

import hmac
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from servers.access.rate_limits import find_address
from servers.access.tokens import check_token
from servers.api.metrics import make_registry
from servers.api.schema.describe import describe
from servers.api.serializers.fleet import MeSerializer
from servers.api.serializers.system import (
    HealthSerializer,
    VarzSerializer,
    VersionSerializer,
)
from servers.api.shared.auth import find_bearer
from servers.api.shared.errors import plain_error
from servers.api.shared.limits import limit_refusals, refusals
from servers.api.shared.views import ScopedView
from servers.freshness.stamps import read_stamps
from servers.models import Token
from servers.operations.fleet import pause_fleet, resume_fleet
from servers.reports.selectors import is_paused

NEEDS_A_READER: Final = (
    "Send the bearer token for the metrics (SERVERFLEET_METRICS_TOKEN), or an API "
    "token with the scope servers:read."
)
# The formats of /healthz. The first is the default.
_KINDS: Final = ["text/plain", "application/json"]


class Health(ScopedView):
    """Whether the process is alive. Asks neither the database nor the broker."""

    authentication_classes = ()
    is_limited = False  # probes are frequent and cheap
    read_scope = write_scope = None

    @describe(
        "getHealth",
        HealthSerializer,
        plain="OK",
        says="Returns `OK` as text, or JSON if `Accept` asks for it.",
    )
    def get(self, request: Request) -> HttpResponseBase:
        """Report that the process is alive."""
        wished = request.get_preferred_type(_KINDS)
        if wished == "application/json":
            return Response(HealthSerializer({"status": "ok"}).data)
        # Exactly the Drone Autoscaler's response, which probes look for.
        return HttpResponse("OK", content_type="text/plain; charset=utf-8")


class Varz(ScopedView):
    """The pause flag."""

    is_open = True
    read_scope = write_scope = None

    @describe("getVarz", VarzSerializer)
    def get(self, request: Request) -> Response:
        """Return whether the pause flag is set."""
        return Response(VarzSerializer({"paused": is_paused()}).data)


class Version(ScopedView):
    """The running version."""

    is_open = True
    read_scope = write_scope = None

    @describe("getVersion", VersionSerializer)
    def get(self, request: Request) -> Response:
        """Return the running version of ServerFleet."""
        version = {
            "source": settings.SOURCE,
            "version": settings.VERSION,
            "commit": settings.COMMIT,
        }
        return Response(VersionSerializer(version).data)


class Me(ScopedView):
    """``/api/me``: the caller and its scopes."""

    @describe("getCaller", MeSerializer)
    def get(self, request: Request) -> Response:
        """Return the name and scopes of the caller, and when its token expires."""
        caller = self.caller
        me = {
            "name": caller.name,
            "scopes": sorted(caller.scopes),
            "token": caller.token,
        }
        return Response(MeSerializer(me).data)


class PauseViewSet(ScopedView, ViewSet):
    """Set and clear the pause flag, for every process."""

    write_right = "servers.change_fleet"

    @describe("pause", status=204)
    def pause(self, request: Request) -> Response:
        """Set the pause flag. It does not stop requests to create servers."""
        pause_fleet()
        return Response(status=204)

    @describe("resume", status=204)
    def resume(self, request: Request) -> Response:
        """Clear the pause flag."""
        resume_fleet()
        return Response(status=204)


def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics in Prometheus format.

    Needs METRICS_TOKEN or an API token with servers:read, unless METRICS_OPEN is set.
    """
    if request.method not in {"GET", "HEAD"}:
        answer = plain_error(405, "This path accepts only GET.")
        answer["Allow"] = "GET, HEAD"
        return answer
    if not settings.METRICS_OPEN and (refused := _refuse(request)):
        return refused
    return HttpResponse(
        generate_latest(make_registry()), content_type=CONTENT_TYPE_LATEST
    )


def _refuse(request: HttpRequest) -> HttpResponse | None:
    """Return a 401 or 403, or a 429 if the address was refused too often."""
    given = find_bearer(request.headers.get("Authorization", ""))
    wanted = settings.METRICS_TOKEN
    if wanted and hmac.compare_digest(given.encode(), wanted.encode()):
        return None
    caller = check_token(given, now=timezone.now(), stamps=read_stamps())
    if caller is None:
        limit = limit_refusals()
        standing = refusals.take(find_address(request), limit) if limit else None
        if standing is not None and standing.refused:
            answer = plain_error(429, "Too many requests. Try again later.")
            answer["Retry-After"] = str(standing.reset)
            return answer
        answer = plain_error(401, NEEDS_A_READER)
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    if caller.may(Token.Scope.SERVERS_READ) and caller.holds("servers.view_server"):
        return None
    return plain_error(
        403,
        "The API token doesn't have permission to do this. It needs the scope "
        "servers:read.",
    )
