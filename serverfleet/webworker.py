"""gunicorn's worker with threads, answering what is no HTTP in the API's own way.

Such a request never reaches Django. gunicorn would answer it in HTML, with the client's
own words in it; here it is a sentence in JSON, and one line in the log.
"""

import contextlib
from typing import Any, Final

import orjson
from gunicorn import util
from gunicorn.http.errors import (
    ExpectationFailed,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.workers.gthread import ThreadWorker

_ANSWERS: Final[tuple[tuple[type[Exception], int, str, str], ...]] = (
    (
        LimitRequestLine,
        414,
        "URI Too Long",
        "The request line is too long; shorten the path and its parameters.",
    ),
    (
        LimitRequestHeaders,
        431,
        "Request Header Fields Too Large",
        "The request has too many or too long headers.",
    ),
    (
        UnsupportedTransferCoding,
        501,
        "Not Implemented",
        "This Transfer-Encoding is not supported; send a Content-Length, or chunks.",
    ),
    (
        ExpectationFailed,
        417,
        "Expectation Failed",
        "This Expect header can't be met; leave it out.",
    ),
    (
        ParseException,
        400,
        "Bad Request",
        "This is not a valid HTTP request.",
    ),
)
FAULT_STATUS: Final = 500
FAULT: Final = "ServerFleet has a fault. The server's log has it."


def _explain(error: BaseException) -> tuple[int, str, str]:
    """Return status, reason and sentence."""
    for kind, status, reason, message in _ANSWERS:
        if isinstance(error, kind):
            return status, reason, message
    return FAULT_STATUS, "Internal Server Error", FAULT


class JSONThreadWorker(ThreadWorker):  # type: ignore[misc]
    """The ``gthread`` worker with errors in JSON."""

    def handle_error(
        self, req: Any, client: Any, addr: Any, exc: BaseException
    ) -> None:
        """Answer a request that could not be parsed, and close the connection."""
        status, reason, message = _explain(exc)
        if status == FAULT_STATUS:
            self.log.error("A request failed outside of the application.", exc_info=exc)
        else:
            self.log.info("A request was no valid HTTP: %s.", type(exc).__name__)
        body = orjson.dumps({"message": message}) + b"\n"
        head = (
            f"HTTP/1.1 {status} {reason}\r\n"
            "Connection: close\r\n"
            "Content-Type: application/json; charset=utf-8\r\n"
            "X-Content-Type-Options: nosniff\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        # The client may be gone by now.
        with contextlib.suppress(OSError):
            util.write_nonblock(client, head.encode() + body)
