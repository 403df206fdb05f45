"""What all fakes of CI systems share: HTTP, tokens, faults and the log of calls.

They use the server and the knobs of the clouds' fakes. There is no machine-readable
description of most queues, so each fake says where its behaviour comes from.
"""

from typing import ClassVar

from tests.clouds.fakes.base import Fake
from tests.clouds.fakes.wire import Request, Response


class QueueFake(Fake):
    """A simulated CI system. A subclass has one ``route`` for each call."""

    cloud: ClassVar[str] = ""  # no description to hold it to

    def refuse(self, why: str, request: Request) -> Response:
        """Answer an error as most of them do."""
        status = {
            "unauthorized": 401,
            "expired": 401,
            "forbidden": 403,
            "throttled": 429,
            "missing": 404,
        }.get(why, 503)
        return Response(status, {"message": why})
