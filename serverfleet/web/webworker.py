"""gunicorn's threaded worker, with JSON answers to invalid HTTP.

gunicorn would answer in HTML that repeats the client's input. Here the answer is a
sentence in JSON, with one line in the log.
"""

import contextlib
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from serverfleet.web.bad_requests import FAULT_STATUS, answer_to


class JSONThreadWorker(ThreadWorker):  # type: ignore[misc]
    """The ``gthread`` worker, with errors in JSON."""

    def handle_error(
        self, req: Any, client: Any, addr: Any, exc: BaseException
    ) -> None:
        """Answer a request that could not be parsed. gunicorn closes the connection."""
        status, answer = answer_to(exc)
        if status == FAULT_STATUS:
            self.log.error("A request failed outside the application.", exc_info=exc)
        else:
            self.log.info("A request was not valid HTTP: %s.", type(exc).__name__)
        # The client may have disconnected.
        with contextlib.suppress(OSError):
            client.sendall(answer)
