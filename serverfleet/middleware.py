"""The request's id, its one log line, and the name of who acts."""

import logging
import re
import secrets
import time
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from servers import tracing

logger = logging.getLogger("serverfleet.request")

_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class RequestLogMiddleware:
    """Accept or make an X-Request-ID, echo it, and log one line per request."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve the request under its id."""
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        started = time.perf_counter()
        with tracing.bound(request_id=request_id):
            response = self.get_response(request)
            response["X-Request-ID"] = request_id
            match = request.resolver_match
            logger.info(
                "%s %s %s",
                request.method,
                request.path_info[:200],
                response.status_code,
                extra={
                    "route": match.route if match else "",
                    "status": response.status_code,
                    "ms": round((time.perf_counter() - started) * 1000, 1),
                },
            )
        return response


class ActorMiddleware:
    """Name the signed-in user as the one who acts. Tokens name themselves later."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve the request in its user's name; reads the session only if sent."""
        if request.COOKIES and request.user.is_authenticated:
            tracing.set_actor(f"user:{request.user.get_username()}")
        return self.get_response(request)
