"""gunicorn's worker with threads, but that what is no HTTP is answered in JSON.

gunicorn would answer it in HTML, with the client's own words in it; here it is a
sentence in JSON, and one line in the log.
"""

import contextlib
from typing import Any

from gunicorn.workers.gthread import ThreadWorker

from serverfleet.nohttp import FAULT_STATUS, answer_to


class JSONThreadWorker(ThreadWorker):  # type: ignore[misc]
    """The ``gthread`` worker, whose own errors are JSON, too."""

    def handle_error(
        self, req: Any, client: Any, addr: Any, exc: BaseException
    ) -> None:
        """Answer a request that could not be parsed; gunicorn ends the connection."""
        status, answer = answer_to(exc)
        if status == FAULT_STATUS:
            self.log.error("A request failed outside the application.", exc_info=exc)
        else:
            self.log.info("A request was not valid HTTP: %s.", type(exc).__name__)
        # The client may be gone by now.
        with contextlib.suppress(OSError):
            client.sendall(answer)
