"""A Forgejo instance's Actions jobs and runners.

Source: routers/api/v1/shared/runners.go and models/actions/run_job.go of
forgejo.org. Before 15 the instance's jobs are at another path, and a request that names
no labels gets those of jobs that need none, which are none. Runners have Gitea's form
before 15, and are shown since 14 here.
"""

from typing import Any

from tests.clouds.fakes.wire import Request, Response, route
from tests.queues.fakes.forges import ForgeFake, owns


class FakeForgejo(ForgeFake):
    """Its runners have another form since 15."""

    def __init__(self, *, version: int = 15) -> None:
        super().__init__()
        self.version = version

    def add(self, status: str = "waiting", **job: Any) -> int:
        """Add a job."""
        number = next(self.ids)
        self.jobs[number] = {
            "id": number,
            "attempt": 1,
            "handle": f"handle-{number}",
            "repo_id": 1,
            "owner_id": 1,
            "name": "build",
            "needs": None,
            "runs_on": ["docker"],
            "task_id": 0,
            "status": status,
            "owner": "team",
            "repo": "app",
            **job,
        }
        return number

    def register(self, name: str, **runner: Any) -> int:
        """Register a runner. ``active`` tells whether it has reported lately."""
        number = next(self.ids)
        self.runners[number] = {
            "id": number,
            "name": name,
            "active": False,
            "online": True,
            "labels": ["docker"],
            **runner,
        }
        return number

    def _list_jobs(self, request: Request, owner: str) -> Response:
        labels = request.ask("labels").split(",") if "labels" in request.query else []
        if self.version < 15 and not labels:
            labels = [""]
        rows = []
        for job in self.jobs.values():
            needed = set(job["runs_on"] or [])
            fits = not labels or (needed and needed <= set(labels))
            if job["status"] in {"waiting", "running"} and fits and owns(job, owner):
                left_out = {"owner", "repo"}
                if self.version < 15:
                    left_out |= {"attempt", "handle"}
                rows.append({k: v for k, v in job.items() if k not in left_out})
        return Response(200, rows or "null")

    @route("GET", "/admin/actions/runners/jobs", "jobs")
    def list_all_jobs(self, request: Request) -> Response:
        """Show all jobs that wait or run, without pages."""
        if self.version < 15:
            return Response(404, self.say("GetRunnerNotFound"))
        return self._list_jobs(request, "")

    @route("GET", "/admin/runners/jobs", "jobs")
    def search_all_jobs(self, request: Request) -> Response:
        """Show all jobs, where versions before 15 do."""
        return self._list_jobs(request, "")

    @route("GET", "/orgs/{owner}/actions/runners/jobs", "jobs")
    def list_organization_jobs(self, request: Request) -> Response:
        """Show an organization's jobs."""
        return self._list_jobs(request, request.params["owner"])

    @route("GET", "/version", "version")
    def show_version(self, _request: Request) -> Response:
        """Show its version, with Gitea's that its API is like."""
        return Response(200, {"version": f"{self.version}.0.1+gitea-1.22.0"})

    def list_runners(self, request: Request) -> Response:
        """Show a page of the runners."""
        if self.version < 14:
            return Response(404, "404 page not found")
        runners = list(self.runners.values())
        rows = [self.form_runner(row) for row in self.turn(runners, request)]
        if self.version < 15:
            return Response(200, {"runners": rows, "total_count": len(runners)})
        return Response(200, rows, {"X-Total-Count": str(len(runners))})

    def form_runner(self, row: dict[str, Any]) -> dict[str, Any]:
        """Return a runner in the form of its version."""
        if self.version < 15:
            return {
                **row,
                "status": "online" if row["online"] else "offline",
                "busy": row["active"],
                "labels": [{"name": name} for name in row["labels"]],
            }
        if not row["online"]:
            return {**row, "status": "offline"}
        return {**row, "status": "active" if row["active"] else "idle"}

    @route("POST", "/admin/actions/runners", "register")
    def create_runner(self, request: Request) -> Response:
        """Create a runner with a token of its own."""
        if self.version < 14:
            return Response(404, "404 page not found")
        if self.version < 15:
            return Response(405)
        number = self.register(request.data["name"], online=False)
        uuid = f"33834eef-e758-48c4-a676-{number:012}"
        return Response(201, {"id": number, "uuid": uuid, "token": f"{number:040x}"})

    @route("POST", "/orgs/{owner}/actions/runners", "register")
    def create_organization_runner(self, request: Request) -> Response:
        """Create an organization's runner."""
        return self.create_runner(request)

    @route("DELETE", "/admin/actions/runners/{id}", "remove")
    def remove_runner(self, request: Request) -> Response:
        """Remove a runner. Before 15, 500 says that it is missing."""
        if self.version < 15 and int(request.params["id"]) not in self.runners:
            return Response(500, self.say("resource does not exist"))
        return super().remove_runner(request)
