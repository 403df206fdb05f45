"""What is answered where no view did: JSON to clients, a page to people."""

import re
import sys
from typing import Final

from django.core.exceptions import RequestDataTooBig
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string

from servers.api.errors import (
    FAULT,
    NOT_HERE,
    RETRY_AFTER,
    explain_database,
    plain_error,
)

NOT_ALLOWED: Final = (
    "You don't have permission to see this page or to do this. Ask an admin for it."
)
NO_PAGE: Final = "There is no page at this address."
# Also where a client has mistaken the path; a person's paths begin with one slash.
_API: Final = re.compile(r"/*(?:api|healthz|varz|version|metrics)\b|[^/]", re.I)


def _is_for_client(request: HttpRequest) -> bool:
    return _API.match(request.path_info) is not None


def _answer(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    if _is_for_client(request):
        return plain_error(status, text)
    page = {"title": title, "text": text}
    return render(request, "error.html", page, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, or 413 for what is too large."""
    if isinstance(exception, RequestDataTooBig):
        return _answer(request, 413, "Too large", "What was sent is too large.")
    return _answer(
        request, 400, "Bad request", "ServerFleet can't make sense of this request."
    )


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403, with the sentence of who refused it."""
    said = exception.args[0] if exception.args else ""
    text = said if isinstance(said, str) and said else NOT_ALLOWED
    return _answer(request, 403, "Not allowed", text)


def too_many_requests(request: HttpRequest, seconds: int) -> HttpResponse:
    """429, with the seconds after which to ask again."""
    text = f"You sent too many requests. Try again in {seconds} seconds."
    # Without the request: what the page would show of it costs queries.
    page = {"title": "Too many requests", "text": text}
    response = HttpResponse(render_to_string("error.html", page), status=429)
    response["Retry-After"] = str(seconds)
    response["Cache-Control"] = "no-store"
    return response


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404, with the sentence of the view that looked for it."""
    if _is_for_client(request):
        return plain_error(404, NOT_HERE)
    said = exception.args[0] if exception.args else ""
    # Where no route fits, Django says which it has tried.
    text = said if isinstance(said, str) and said else NO_PAGE
    return _answer(request, 404, "Not found", text)


def server_error(request: HttpRequest) -> HttpResponse:
    """500; or 503 where the database failed, in a view or around it."""
    error = sys.exc_info()[1]
    if isinstance(error, DatabaseError):
        return _answer_without_database(request, explain_database(error))
    return _answer(request, 500, "A fault", FAULT)


def _answer_without_database(request: HttpRequest, text: str) -> HttpResponse:
    if _is_for_client(request):
        response = plain_error(503, text)
    else:
        # Without the request: who asks is in the database, too.
        page = {"title": "The database does not answer", "text": text}
        response = HttpResponse(render_to_string("error.html", page), status=503)
    response["Retry-After"] = RETRY_AFTER
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 of a form whose token is missing or old."""
    return _answer(
        request,
        403,
        "This form is out of date",
        "Nothing was done. Go back, load the page again, and repeat it.",
    )
