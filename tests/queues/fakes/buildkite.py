"""Buildkite's agent API, as far as it counts jobs.

Source: buildkite.com/docs/apis/agent-api/metrics. The header with the time between two
requests is read by buildkite/buildkite-agent-metrics, collector/collector.go.
"""

from collections import Counter
from typing import Any

from tests.clouds.fakes.wire import Request, Response, route
from tests.queues.fakes.base import QueueFake


class FakeBuildkite(QueueFake):
    """Jobs of one cluster, each with its queue and its state."""

    def __init__(self, *, poll: int = 10) -> None:
        super().__init__()
        self.poll = poll
        self.jobs: list[dict[str, str]] = []
        self.queues: set[str] = {"default"}  # shown although they have no jobs

    def read_token(self, request: Request) -> str:
        """Return the agent token."""
        return request.headers.get("authorization", "").removeprefix("Token ")

    def add(self, queue: str = "default", state: str = "scheduled") -> dict[str, str]:
        """Add a job."""
        job = {"queue": queue, "state": state}
        self.jobs.append(job)
        return job

    @route("GET", "/metrics", "metrics")
    def show_metrics(self, request: Request) -> Response:
        """Count agents and jobs."""
        queues = sorted(self.queues | {job["queue"] for job in self.jobs})
        no_agents = {"idle": 0, "busy": 0, "total": 0}
        return Response(
            200,
            {
                "agents": {**no_agents, "queues": dict.fromkeys(queues, no_agents)},
                "jobs": {
                    **self._tally(self.jobs),
                    "queues": {name: self._count_queue(name) for name in queues},
                },
                "organization": {"slug": "acme"},
                "cluster": {"name": "main"},
            },
            {"Buildkite-Agent-Metrics-Poll-Duration": str(self.poll)},
        )

    def _count_queue(self, name: str) -> dict[str, int]:
        return self._tally([job for job in self.jobs if job["queue"] == name])

    def _tally(self, jobs: list[dict[str, Any]]) -> dict[str, int]:
        counts = Counter(job["state"] for job in jobs)
        names = ("scheduled", "running", "waiting")
        return {name: counts[name] for name in names} | {"total": counts.total()}
