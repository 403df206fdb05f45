"""Bodies that come in chunks, without a Content-Length.

Django reads no more of a body than its Content-Length says, so it would take such a
request for one without a body, and make something else than was asked for.
"""

import io
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class _LateBody:
    """A body that did not come in time: whoever reads it is told."""

    def read(self, _size: int = -1) -> NoReturn:
        """Raise what the server raised."""
        raise TimeoutError("The body did not arrive in time.")

    readline = read


def accept_chunks(application: Application, *, most: int) -> Application:
    """Give a body in chunks its length, first.

    At most ``most`` bytes and one more are read: by that one the application knows a
    body that is too large. A chunk that is none ends the request in the server.
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
