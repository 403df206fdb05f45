"""Errors that no view has answered: JSON for clients, a page for people."""

import re
import sys
from collections.abc import Callable
from typing import Final

from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from servers.api.shared.errors import (
    FAULT,
    NOT_HERE,
    RETRY_AFTER,
    explain_database,
    plain_error,
)

NOT_ALLOWED: Final = (
    "You don't have permission to see this page or to do this. Ask an admin for access."
)
Respond = Callable[[HttpRequest], HttpResponse]
FIRST_ERROR: Final = 400
_SENTENCES: Final = {
    403: NOT_ALLOWED,
    404: NOT_HERE,
    405: "This address does not accept this method. `Allow` lists those that it does.",
    429: "Too many requests. Wait as long as `Retry-After` says and try again.",
    500: FAULT,
}
_ELSE: Final = "This request was refused. Open the address in a browser to see why."
NO_PAGE: Final = "There is no page at this address."
# Also if a client got the path wrong. The paths of pages begin with one slash.
_PAGES: Final = {("text", "html"), ("application", "xhtml+xml")}
_API: Final = re.compile(r"/*(?:api|healthz|varz|version|metrics)\b|[^/]", re.I)


def is_for_client(request: HttpRequest) -> bool:
    """Tell whether to answer with JSON: an API path, or a client that wants no page."""
    return _API.match(request.path_info) is not None or not _asks_for_page(request)


def _asks_for_page(request: HttpRequest) -> bool:
    """Tell whether HTML is accepted by name, as in all browsers, not by ``*/*``."""
    return any(
        (kind.main_type, kind.sub_type) in _PAGES for kind in request.accepted_types
    )


def answer_error(
    request: HttpRequest, status: int, title: str, text: str
) -> HttpResponse:
    """Return an error as JSON or as a page, whichever the request is for."""
    if is_for_client(request):
        return plain_error(status, text)
    page = {"title": title, "text": text}
    # Before the session is read, the user is unknown, so the page has no menu.
    asked = request if hasattr(request, "user") else None
    return HttpResponse(render_to_string("error.html", page, asked), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 400, or 413 if the request is too large."""
    if isinstance(exception, RequestDataTooBig):
        return answer_error(request, 413, "Too large", "The request is too large.")
    return answer_error(
        request, 400, "Bad request", "ServerFleet can't understand this request."
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 403, with the sentence of the code that refused it."""
    said = exception.args[0] if exception.args else ""
    text = said if isinstance(said, str) and said else NOT_ALLOWED
    return answer_error(request, 403, "Not allowed", text)


def too_many_requests(request: HttpRequest, seconds: int) -> HttpResponse:
    """Return 429, with the seconds until the next try."""
    text = f"You sent too many requests. Try again in {seconds} seconds."
    response = _answer_later(request, 429, "Too many requests", text, str(seconds))
    response["Cache-Control"] = "no-store"
    return response


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Return 404, with the sentence of the view."""
    if is_for_client(request):
        return plain_error(404, NOT_HERE)
    said = exception.args[0] if exception.args else ""
    # If no route matches, Django's argument is the routes that it tried.
    text = said if isinstance(said, str) and said else NO_PAGE
    return answer_error(request, 404, "Not found", text)


def server_error(request: HttpRequest) -> HttpResponse:
    """Return 500, or 503 if the database failed, in a view or around it."""
    error = sys.exc_info()[1]
    if isinstance(error, DatabaseError):
        title, text = "The database is not responding", explain_database(error)
        return _answer_later(request, 503, title, text, RETRY_AFTER)
    return answer_error(request, 500, "Server error", FAULT)


def _answer_later(
    request: HttpRequest, status: int, title: str, text: str, wait: str
) -> HttpResponse:
    """Return an error that passes, without a query: its page has no menu."""
    if is_for_client(request):
        response = plain_error(status, text)
    else:
        page = {"title": title, "text": text}
        response = HttpResponse(render_to_string("error.html", page), status=status)
    response["Retry-After"] = wait
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Return 403 for a form whose token is missing or old."""
    return answer_error(
        request,
        403,
        "This form is out of date",
        "Nothing was done. Go back, reload the page and try again.",
    )


def answer_clients(get_response: Respond) -> Respond:
    """Turn an error page that a view has rendered into JSON, for clients.

    Errors from the functions above have their own sentences. This is the fallback for
    the views of libraries, and for forms.
    """

    def serve(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        is_page = response.headers.get("Content-Type", "").startswith("text/html")
        if response.status_code < FIRST_ERROR or not is_page or response.streaming:
            return response
        if is_for_client(request):
            text = _SENTENCES.get(response.status_code, _ELSE)
            plain = plain_error(response.status_code, text)
            response.content = plain.content
            response["Content-Type"] = plain["Content-Type"]
            response["Content-Length"] = str(len(response.content))
        return response

    return serve
