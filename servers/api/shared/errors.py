"""Turn every error into ``{"message": …}`` with its status and no traceback."""

import logging
import sqlite3
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DatabaseError
from django.http import Http404, HttpResponse, UnreadablePostError
from rest_framework import exceptions
from rest_framework.response import Response

from servers.api.shared.auth import NEEDS_BEARER
from servers.api.shared.parsers import TooLargeError
from servers.api.shared.renderers import ORJSONRenderer
from servers.errors import (
    ConflictError,
    FleetError,
    InvalidError,
    NotFoundError,
    UnavailableError,
    UnprocessableError,
)

logger = logging.getLogger(__name__)

_STATUSES: dict[type[FleetError], int] = {
    InvalidError: 400,
    NotFoundError: 404,
    ConflictError: 409,
    UnprocessableError: 422,
    UnavailableError: 503,
}
RETRY_AFTER = "5"  # seconds
NO_DATABASE = (
    "The database is not responding. Your change may not have been saved. Try again in "
    "a few seconds."
)
DISK_FULL = (
    "The database's disk is full. Nothing was changed. Ask an admin to free some "
    "space, then try again."
)
FAULT = (
    "An internal error occurred. The server's log has it under this request's "
    "X-Request-ID."
)
LATE = "The body did not arrive completely or in time. Send the request again."
NOT_HERE = "There is nothing at this path. API paths have no trailing slash."


def handle_exception(error: Exception, context: dict[str, Any]) -> Response:
    """Return the response for an exception of a view."""
    if isinstance(error, FleetError):
        kinds = type(error).__mro__  # the nearest class with a status
        status = next(_STATUSES[kind] for kind in kinds if kind in _STATUSES)
        return _answer(status, error.message, error.fields)
    if isinstance(error, exceptions.NotAuthenticated):
        return _answer(401, NEEDS_BEARER, headers={"WWW-Authenticate": "Bearer"})
    if isinstance(error, exceptions.MethodNotAllowed):
        method = str(context["request"].method)[:20]
        return _answer(405, f"This path does not accept the method {method}.")
    if isinstance(error, exceptions.APIException):
        return _answer_drf(error)
    if isinstance(error, RequestDataTooBig):
        return _answer(413, str(TooLargeError.default_detail))
    if isinstance(error, UnreadablePostError):
        return _answer(408, LATE)
    if isinstance(error, Http404):
        return _answer(404, NOT_HERE)
    if isinstance(error, PermissionDenied):
        return _answer(403, "You don't have permission to do this.")
    if isinstance(error, DatabaseError):
        message = explain_database(error)
        return _answer(503, message, headers={"Retry-After": RETRY_AFTER})
    logger.error("A view failed.", exc_info=error)
    return _answer(500, FAULT)


def explain_database(error: DatabaseError) -> str:
    """Log why the database failed, and return it as a sentence."""
    cause = error.__cause__
    logger.error("The database failed: %s", cause or type(error).__name__)
    # The codes of SQLite and PostgreSQL for a full disk.
    full = getattr(cause, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    full = full or getattr(cause, "sqlstate", None) == "53100"
    return DISK_FULL if full else NO_DATABASE


def _answer_drf(error: exceptions.APIException) -> Response:
    headers = {}
    if header := getattr(error, "auth_header", None):
        headers["WWW-Authenticate"] = header
    if wait := getattr(error, "wait", None):
        headers["Retry-After"] = str(int(wait))
    return _answer(error.status_code, str(error.detail), headers=headers)


def _answer(
    status: int,
    message: str,
    fields: dict[str, list[str]] | None = None,
    headers: dict[str, str] | None = None,
) -> Response:
    data: dict[str, Any] = {"message": message}
    if fields:
        data["errors"] = fields
    return Response(data, status=status, headers=headers)


def plain_error(status: int, message: str) -> HttpResponse:
    """Return an error as JSON, for use outside of a view."""
    return HttpResponse(
        ORJSONRenderer().render({"message": message}),
        status=status,
        content_type="application/json; charset=utf-8",
    )
