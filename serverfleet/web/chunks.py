"""Chunked request bodies, which have no Content-Length.

Django reads only as much of a body as its Content-Length says. It would treat such a
request as one without a body, and create something other than what was requested.
"""

import io
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _LateBody:
    """A body that did not arrive in time: reading it raises an error."""

    def read(self, _size: int = -1) -> NoReturn:
        """Raise what the server raised."""
        raise TimeoutError("The body did not arrive in time.")

    readline = read


def accept_chunks(application: Application, *, most: int) -> Application:
    """Read a chunked body and set its length before the application runs.

    At most ``most`` bytes and one more are read. The extra byte lets the application
    recognise a body that is too large. The server rejects a request with a bad chunk.
    """

    def wrapped(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("wsgi.input_terminated") and not environ.get("CONTENT_LENGTH"):
            try:
                body = environ["wsgi.input"].read(most + 1)
            except BlockingIOError:
                environ |= {"CONTENT_LENGTH": "1", "wsgi.input": _LateBody()}
            else:
                environ["CONTENT_LENGTH"] = str(len(body))
                environ["wsgi.input"] = io.BytesIO(body)
        return application(environ, start_response)

    return wrapped
