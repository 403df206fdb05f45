"""A Drone server's queue.

Source: drone/drone, handler/api/queue and core/stage.go. Empty fields are left out, as
Go does with ``omitempty``.
"""

from itertools import count
from typing import Any

from tests.clouds.fakes.wire import Request, Response, route
from tests.queues.fakes.base import QueueFake

NOW = 1_800_000_000
_SHOWN = ("pending", "running")


class FakeDrone(QueueFake):
    """Stages by id, and whether its queue is paused, which it never shows."""

    def __init__(self, *, edition: str = "enterprise") -> None:
        super().__init__()
        self.edition = edition
        self.stages: dict[int, dict[str, Any]] = {}
        self.ids = count(1)

    def add(self, **stage: Any) -> int:
        """Put a stage in the queue."""
        number = next(self.ids)
        self.stages[number] = {
            "id": number,
            "repo_id": 1,
            "build_id": number,
            "number": 1,
            "kind": "pipeline",
            "type": "docker",
            "name": "default",
            "status": "pending",
            "os": "linux",
            "arch": "amd64",
            "created": NOW - 60,
            "updated": NOW - 60,
            **stage,
        }
        return number

    @route("GET", "/api/queue", "queue")
    def show_queue(self, request: Request) -> Response:
        """Show pending and running stages."""
        if self.edition == "oss":
            return Response(501, {"message": "Not Implemented"})
        shown = [
            {name: value for name, value in stage.items() if value not in ("", 0, {})}
            for stage in self.stages.values()
            if stage["status"] in _SHOWN
        ]
        return Response(200, shown)
