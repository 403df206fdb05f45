"""GitHub's REST API for Actions, as far as jobs and runners go.

Source: GitHub's REST reference, workflow runs and workflow jobs. Invented: how ids
count up.
"""

from typing import Any

from tests.clouds.fakes.wire import Request, Response, route
from tests.queues.fakes.github_app import GitHubApp
from tests.queues.fakes.github_base import NOW, show_time
from tests.queues.fakes.github_runners import GitHubRunners


class FakeGitHub(GitHubApp, GitHubRunners):
    """Runs and jobs, beside what an App and runners need."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: dict[int, str] = {}  # the repository of each
        self.jobs: dict[int, dict[str, Any]] = {}

    def add_run(self, repository: str = "acme/app") -> int:
        """Start a workflow run without jobs."""
        if repository not in self.repositories:
            self.add_repository(repository)
        number = next(self.ids)
        self.runs[number] = repository
        return number

    def add_job(
        self,
        *labels: str,
        repository: str = "acme/app",
        run: int = 0,
        age: float = 60,
        **more: Any,
    ) -> int:
        """Queue a job, in a run of its own unless one is named."""
        number = next(self.ids)
        self.jobs[number] = {
            "id": number,
            "run_id": run or self.add_run(repository),
            "workflow_name": "CI",
            "name": "build",
            "status": "queued",
            "conclusion": None,
            "created_at": show_time(NOW - age),
            "started_at": show_time(NOW - age),
            "completed_at": None,
            "labels": list(labels),
            "runner_id": None,
            "runner_name": None,
            **more,
        }
        return number

    def add(self) -> int:
        """Queue a job."""
        return self.add_job("self-hosted", "linux")

    def start(self, number: int, runner: str, age: float = 5) -> None:
        """Let a runner take a job."""
        self.jobs[number] |= {
            "status": "in_progress",
            "runner_name": runner,
            "runner_id": 7,
            "started_at": show_time(NOW - age),
        }

    def finish(self, number: int) -> None:
        """End a job."""
        self.jobs[number] |= {"status": "completed", "conclusion": "success"}

    def find_status(self, run: int) -> str:
        """Return a run's status: queued as long as one of its jobs is."""
        found = {job["status"] for job in self.jobs.values() if job["run_id"] == run}
        for status in ("queued", "in_progress", "waiting", "pending"):
            if status in found:
                return status
        return "completed" if found else "queued"

    @route("GET", "/repos/{owner}/{repo}/actions/runs", "runs")
    def list_runs(self, request: Request) -> Response:
        """List the runs of a repository with a status, the newest first."""
        if not (name := self._find_repository(request)):
            return self.refuse("missing", request)
        wanted = request.ask("status")
        shown = [
            {"id": run, "name": "CI", "status": self.find_status(run)}
            for run, repository in reversed(self.runs.items())
            if repository == name and wanted in {"", self.find_status(run)}
        ]
        return self._show_page(request, shown, "workflow_runs")

    @route("GET", "/repos/{owner}/{repo}/actions/runs/{run}/jobs", "jobs")
    def list_jobs(self, request: Request) -> Response:
        """List the jobs of a run."""
        run = int(request.params["run"])
        if self.runs.get(run, "-") != self._find_repository(request):
            return self.refuse("missing", request)
        shown = [job for job in self.jobs.values() if job["run_id"] == run]
        return self._show_page(request, shown, "jobs")
