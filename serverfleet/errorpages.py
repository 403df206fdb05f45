"""What is answered where no view did: JSON to clients, a page to people."""

from typing import Final

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from servers.api.errors import FAULT, NOT_HERE, plain_error

_API: Final = ("/api", "/healthz", "/varz", "/version", "/metrics")


def _answer(request: HttpRequest, status: int, title: str, text: str) -> HttpResponse:
    if request.path_info.startswith(_API):
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
    """403."""
    return _answer(request, 403, "Not allowed", "This is not allowed for you.")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404."""
    if request.path_info.startswith(_API):
        return plain_error(404, NOT_HERE)
    return _answer(request, 404, "Not found", "There is no page at this address.")


def server_error(request: HttpRequest) -> HttpResponse:
    """500."""
    return _answer(request, 500, "A fault", FAULT)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 of a form whose token is missing or old."""
    return _answer(
        request,
        403,
        "This form is out of date",
        "Nothing was done. Go back, load the page again, and repeat it.",
    )
