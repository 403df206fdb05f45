"""Every error as ``{"message": …}``, with the fitting status and no trace."""

import logging
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import DatabaseError
from django.http import Http404, HttpResponse
from rest_framework import exceptions
from rest_framework.response import Response

from servers.api.auth import NEEDS_BEARER
from servers.api.parsers import TooLargeError
from servers.api.renderers import ORJSONRenderer
from servers.errors import (
    ConflictError,
    FleetError,
    InvalidError,
    NotFoundError,
    UnavailableError,
)

logger = logging.getLogger(__name__)

_STATUSES: dict[type[FleetError], int] = {
    InvalidError: 400,
    NotFoundError: 404,
    ConflictError: 409,
    UnavailableError: 503,
}
NO_DATABASE = (
    "The database does not answer now. Nothing was changed for certain; ask again in "
    "a few seconds."
)
FAULT = (
    "ServerFleet has a fault. The server's log has it under this request's "
    "X-Request-ID."
)
NOT_HERE = "There is nothing at this path. The API's paths have no trailing slash."


def handle_exception(error: Exception, context: dict[str, Any]) -> Response:
    """Turn whatever a view raised into an answer."""
    if isinstance(error, FleetError):
        return _answer(_STATUSES[type(error)], error.message, error.fields)
    if isinstance(error, exceptions.NotAuthenticated):
        return _answer(401, NEEDS_BEARER, headers={"WWW-Authenticate": "Bearer"})
    if isinstance(error, exceptions.MethodNotAllowed):
        return _answer(405, f"This path does not take the method {_method(context)}.")
    if isinstance(error, exceptions.APIException):
        return _answer_drf(error)
    if isinstance(error, RequestDataTooBig):
        return _answer(413, str(TooLargeError.default_detail))
    if isinstance(error, Http404):
        return _answer(404, NOT_HERE)
    if isinstance(error, PermissionDenied):
        return _answer(403, "This is not allowed for you.")
    if isinstance(error, DatabaseError):
        logger.error("The database failed: %s", type(error).__name__)
        return _answer(503, NO_DATABASE, headers={"Retry-After": "5"})
    logger.error("A view failed.", exc_info=error)
    return _answer(500, FAULT)


def _method(context: dict[str, Any]) -> str:
    return str(context["request"].method)[:20]


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
    """Return an error as JSON outside of a view."""
    return HttpResponse(
        ORJSONRenderer().render({"message": message}),
        status=status,
        content_type="application/json; charset=utf-8",
    )
