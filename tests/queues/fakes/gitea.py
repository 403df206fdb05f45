"""A Gitea instance's Actions jobs and runners.

Source: go-gitea/gitea, routers/api/v1/shared/action.go and runners.go, and
services/convert/action.go. Versions before 1.26 can't disable a runner. What the
database calls waiting is *queued* in the API, and what it calls blocked is *waiting*
before 1.27 and *pending* since then.
"""

from datetime import UTC, datetime
from typing import Any, Final

from tests.clouds.fakes.wire import Request, Response, route
from tests.queues.fakes.forges import NOW, ForgeFake, owns

# The database's states, by what can be asked for.
ASKED: Final = {
    "pending": ["blocked"],
    "waiting": ["blocked"],
    "requested": ["blocked"],
    "queued": ["waiting"],
    "in_progress": ["running"],
    "completed": ["success", "failure"],
}


def write_time(seconds: float) -> str:
    """Return a time as it shows it; one that was never set is that of year 1."""
    if not seconds:
        return "0001-01-01T00:00:00Z"
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


class FakeGitea(ForgeFake):
    """Its jobs are in states of the database."""

    def __init__(self, *, version: tuple[int, int] = (1, 27)) -> None:
        super().__init__()
        self.version = version
        self.registration_tokens = ["registration-1"]

    def add(self, state: str = "waiting", **job: Any) -> int:
        """Add a job, in a state of the database."""
        number = next(self.ids)
        self.jobs[number] = {
            "id": number,
            "run_id": number,
            "name": "build",
            "labels": ["ubuntu-latest"],
            "attempt": 1,
            "state": state,
            "runner": 0,
            "created": NOW - 60,
            "started": 0,
            "owner": "team",
            "repo": "app",
            **job,
        }
        return number

    def register(self, name: str, **runner: Any) -> int:
        """Register a runner."""
        number = next(self.ids)
        self.runners[number] = {
            "id": number,
            "name": name,
            "status": "online",
            "busy": False,
            "disabled": False,
            "ephemeral": False,
            "labels": [{"id": 0, "name": "ubuntu-latest", "type": "custom"}],
            **runner,
        }
        return number

    def start(self, job: int, runner: int) -> None:
        """Have a runner take a job."""
        assert not self.runners[runner]["disabled"]
        self.jobs[job] |= {"state": "running", "runner": runner, "started": NOW - 5}

    def _show(self, job: dict[str, Any]) -> dict[str, Any]:
        blocked = "pending" if self.version >= (1, 27) else "waiting"
        names = {"waiting": "queued", "blocked": blocked, "running": "in_progress"}
        runner = self.runners.get(job["runner"], {"id": job["runner"], "name": ""})
        return {
            "id": job["id"],
            "run_id": job["run_id"],
            "name": job["name"],
            "labels": job["labels"],
            "run_attempt": job["attempt"],
            "status": names.get(job["state"], "completed"),
            "conclusion": "" if job["state"] in names else job["state"],
            "runner_id": runner["id"],
            "runner_name": runner["name"],
            "steps": [],
            "created_at": write_time(job["created"]),
            "started_at": write_time(job["started"]),
            "completed_at": write_time(0),
        }

    def _list_jobs(self, request: Request, owner: str) -> Response:
        wanted = [
            each for asked in request.query.get("status", []) for each in ASKED[asked]
        ]
        rows = [
            self._show(job)
            for job in self.jobs.values()
            if owns(job, owner) and (job["state"] in wanted or not wanted)
        ]
        shown = self.turn(rows, request)
        return Response(200, {"workflow_jobs": shown, "total_count": len(rows)})

    @route("GET", "/admin/actions/jobs", "jobs")
    def list_all_jobs(self, request: Request) -> Response:
        """Show a page of the jobs of the whole instance."""
        return self._list_jobs(request, "")

    @route("GET", "/orgs/{owner}/actions/jobs", "jobs")
    def list_organization_jobs(self, request: Request) -> Response:
        """Show a page of an organization's jobs."""
        return self._list_jobs(request, request.params["owner"])

    @route("GET", "/repos/{owner}/{repo}/actions/jobs", "jobs")
    def list_repository_jobs(self, request: Request) -> Response:
        """Show a page of a repository's jobs."""
        return self._list_jobs(request, "{owner}/{repo}".format(**request.params))

    def list_runners(self, request: Request) -> Response:
        """Show a page of the runners."""
        rows = []
        for runner in self.runners.values():
            row = dict(runner)
            if self.version < (1, 26):
                del row["disabled"]
            rows.append(row)
        shown = self.turn(rows, request)
        return Response(200, {"runners": shown, "total_count": len(rows)})

    def connect(self, token: str, name: str) -> int:
        """Have an agent register itself with a registration token."""
        assert token in self.registration_tokens
        return self.register(name)

    @route("POST", "/admin/actions/runners/registration-token", "register")
    def create_token(self, _request: Request) -> Response:
        """Show the registration token of the whole instance."""
        # The same one each time, until somebody resets it.
        return Response(200, {"token": self.registration_tokens[-1]})

    @route("POST", "/orgs/{owner}/actions/runners/registration-token", "register")
    def create_organization_token(self, request: Request) -> Response:
        """Show an organization's registration token."""
        return self.create_token(request)

    def _change_runner(self, request: Request) -> Response:
        runner = self.runners.get(int(request.params["id"]))
        if runner is None or self.version < (1, 26):
            return Response(404, self.say("Runner not found"))
        if "disabled" not in request.data:
            return Response(422, self.say("[Disabled]: Required"))
        runner["disabled"] = request.data["disabled"]
        return Response(200, runner)

    @route("PATCH", "/admin/actions/runners/{id}", "cordon")
    def change_any_runner(self, request: Request) -> Response:
        """Disable a runner, or enable it."""
        return self._change_runner(request)

    @route("PATCH", "/orgs/{owner}/actions/runners/{id}", "cordon")
    def change_organization_runner(self, request: Request) -> Response:
        """Disable a runner of an organization, or enable it."""
        return self._change_runner(request)
