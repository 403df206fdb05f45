"""The request's id, its one log line, its actor, and early refusals."""

import logging
import re
import secrets
import time
from typing import Any, Final
from urllib.parse import unquote_plus

from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.urls import ResolverMatch

from serverfleet.web.error_pages import Respond
from servers import tracing
from servers.access.sessions import note_seen
from servers.api.shared.errors import LATE, plain_error

logger = logging.getLogger("serverfleet.request")

_REQUEST_ID: Final = re.compile(r"[A-Za-z0-9._-]{1,128}")
_PUBLIC_ID: Final = re.compile(r"(?:(?i:bearer) +)?sf_([0-9a-f]{1,16})_")
_TOKEN_IN_QUERY: Final = re.compile(
    r"sf_[A-Za-z0-9]+_[A-Za-z0-9_-]{8}"
    r"|(?:\A|&)(?i:token|access[_-]token|api[_-]?key|authorization)="
)
IN_QUERY: Final = (
    "This request has a token in its address, where logs and histories keep it. Revoke "
    "this token, and send the new one as 'Authorization: Bearer sf_…'."
)

# The key under which the entrance stores a refused host name.
REFUSED_HOST: Final = "serverfleet.refused_host"


def log_requests(get_response: Respond) -> Respond:
    """Accept or create an X-Request-ID, echo it, and log one line per request."""

    def serve(request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        started = time.perf_counter()
        with tracing.bound(request_id=request_id):
            response = get_response(request)
            response.headers["X-Request-ID"] = request_id
            match = request.resolver_match
            logger.log(
                logging.DEBUG if _is_pulse(match) else logging.INFO,
                "%s %s %s",
                request.method,
                request.path_info[:200],
                response.status_code,
                extra={
                    "route": match.route if match else "",
                    "status": response.status_code,
                    "ms": round((time.perf_counter() - started) * 1000, 1),
                    "token_id": _find_token_id(request),
                    **_tell_refused_host(request),
                },
            )
        return response

    return serve


def _tell_refused_host(request: HttpRequest) -> dict[str, str]:
    """Return the refused host name, if there is one."""
    host = request.META.get(REFUSED_HOST)
    return {} if host is None else {"refused_host": host}


def _is_pulse(match: ResolverMatch | None) -> bool:
    """Tell whether this is the request that each open page sends every second."""
    return match is not None and match.url_name == "pulse"


def _find_token_id(request: HttpRequest) -> str:
    """Return the public id of the accepted token, or ""."""
    if not tracing.get_actor().startswith("token:"):
        return ""
    found = _PUBLIC_ID.match(request.META.get("HTTP_AUTHORIZATION", ""))
    return found[1] if found else ""


class RefusalMiddleware:
    """Refuse tokens in the query string, and answer if a body did not arrive."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve the request unless its address contains a token."""
        query = request.META.get("QUERY_STRING", "")
        if query and _TOKEN_IN_QUERY.search(unquote_plus(query)):
            return plain_error(400, IN_QUERY)
        return self.get_response(request)

    def process_exception(
        self, _request: HttpRequest, error: Exception
    ) -> HttpResponse | None:
        """Answer if a page, not the API, read such a body."""
        if isinstance(error, UnreadablePostError):
            return plain_error(408, LATE)
        return None


class ActorMiddleware:
    """Set the signed-in user as the actor. Tokens are set as actors later."""

    def __init__(self, get_response: Respond) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Serve the request."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> None:
        """Set the user as actor, if there is a session and the view reads it."""
        if not request.COOKIES or getattr(view, "reads_no_session", False):
            return
        if request.user.is_authenticated:
            tracing.set_actor(f"user:{request.user.get_username()}")
            if "X-Live" not in request.headers:  # a page that refreshes itself
                note_seen(request.session)
