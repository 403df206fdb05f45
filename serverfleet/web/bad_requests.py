"""JSON answers to invalid HTTP requests, which never reach Django."""

from typing import Final

import orjson
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)

_ANSWERS: Final[tuple[tuple[type[Exception], int, str, str], ...]] = (
    (
        LimitRequestLine,
        414,
        "URI Too Long",
        "The request line is too long. Shorten the path or its parameters.",
    ),
    (
        LimitRequestHeaders,
        431,
        "Request Header Fields Too Large",
        "The request headers are too many or too long. Send fewer or shorter ones.",
    ),
    (
        UnsupportedTransferCoding,
        501,
        "Not Implemented",
        "This Transfer-Encoding is not supported. Send a Content-Length or use chunks.",
    ),
    (
        ExpectationFailed,
        417,
        "Expectation Failed",
        "This Expect header can't be met. Remove it.",
    ),
    (
        ParseException,
        400,
        "Bad Request",
        "This is not a valid HTTP request.",
    ),
)
FAULT_STATUS: Final = 500
_FAULT: Final = "An internal error occurred. The server's log has the details."


def _explain(error: BaseException) -> tuple[int, str, str]:
    """Return status, reason and sentence."""
    for kind, status, reason, message in _ANSWERS:
        if isinstance(error, kind):
            return status, reason, message
    return FAULT_STATUS, "Internal Server Error", _FAULT


def answer_to(error: BaseException) -> tuple[int, bytes]:
    """Return the status, and the whole answer as bytes."""
    status, reason, message = _explain(error)
    body = orjson.dumps({"message": message}) + b"\n"
    head = (
        f"HTTP/1.1 {status} {reason}\r\n"
        "Connection: close\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        "X-Content-Type-Options: nosniff\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return status, head.encode() + body
