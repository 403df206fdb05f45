"""The endpoints beside the servers: health, version, pause, metrics."""

import hmac

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from rest_framework.request import Request
from rest_framework.response import Response

from servers.api.errors import plain_error
from servers.api.metrics import make_registry
from servers.api.views import ScopedView
from servers.operations import pause_fleet, resume_fleet
from servers.selectors import is_paused
from servers.wire import to_seconds


class Health(ScopedView):
    """The process is alive; asks neither database nor broker."""

    authentication_classes = ()
    is_limited = False  # probes come often, and cost nothing
    read_scope = write_scope = None

    def get(self, request: Request) -> Response:
        """Tell that the process is alive."""
        return Response({"status": "ok"})


class Varz(ScopedView):
    """Whether automatic creation is paused."""

    authentication_classes = ()
    is_open = True
    read_scope = write_scope = None

    def get(self, request: Request) -> Response:
        """Tell whether automatic creation is paused."""
        return Response({"paused": is_paused()})


class Version(ScopedView):
    """What runs here."""

    authentication_classes = ()
    is_open = True
    read_scope = write_scope = None

    def get(self, request: Request) -> Response:
        """Tell what runs here."""
        return Response(
            {
                "source": settings.SOURCE,
                "version": settings.VERSION,
                "commit": settings.COMMIT,
            }
        )


class Me(ScopedView):
    """``/api/me``: who calls, and what that caller may."""

    def get(self, request: Request) -> Response:
        """Tell who calls and what that caller may; ``expires`` 0 is never."""
        caller = self.caller
        token = caller.token
        return Response(
            {
                "name": caller.name,
                "scopes": sorted(caller.scopes),
                "expires": to_seconds(token.expires_at) if token else 0,
            }
        )


class Pause(ScopedView):
    """Stop automatic creation, for every process."""

    def post(self, request: Request) -> Response:
        """Stop automatic creation."""
        pause_fleet()
        return Response(status=204)


class Resume(ScopedView):
    """Resume automatic creation."""

    def post(self, request: Request) -> Response:
        """Resume automatic creation."""
        resume_fleet()
        return Response(status=204)


def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics as Prometheus reads them; its own bearer token, if set."""
    if request.method not in {"GET", "HEAD"}:
        answer = plain_error(405, "This path takes only GET.")
        answer["Allow"] = "GET, HEAD"
        return answer
    wanted = settings.METRICS_TOKEN
    given = request.headers.get("Authorization", "").removeprefix("Bearer ").strip()
    if wanted and not hmac.compare_digest(given.encode(), wanted.encode()):
        answer = plain_error(401, "Send the metrics' bearer token.")
        answer["WWW-Authenticate"] = "Bearer"
        return answer
    return HttpResponse(
        generate_latest(make_registry()), content_type=CONTENT_TYPE_LATEST
    )
