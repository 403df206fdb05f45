"""GitLab's REST API, as far as projects and their jobs go.

Source: GitLab's documentation, "Jobs API", "Groups API", "Runners API" and "REST API"
(pagination, by page and by key), lib/api/ci/jobs.rb: lists of jobs tell no total, and
lib/api/user_runners.rb and lib/api/ci/runners.rb.

Invented: how ids count up, and what a cursor looks like.
"""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from tests.clouds.fakes.wire import Request, Response, route
from tests.queues.fakes.base import QueueFake

NOW = 1_800_000_000


def show_time(seconds: float) -> str:
    """Return a time as GitLab writes it."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


class FakeGitLab(QueueFake):
    """Projects by path, and jobs by id."""

    base = "/api/v4"

    def __init__(self) -> None:
        super().__init__()
        self.projects: dict[str, dict[str, Any]] = {}
        self.jobs: dict[int, dict[str, Any]] = {}
        self.ids = count(1)
        self.hidden: dict[str, set[str]] = {}  # what a token may not see
        self.groups: dict[str, int] = {"acme": 1000}
        self.runners: dict[int, dict[str, Any]] = {}
        self.most_runners = 1000
        self.add_project("acme/app")

    @property
    def url(self) -> str:
        """What people enter: without the path of the API."""
        return self.origin

    def read_token(self, request: Request) -> str:
        """Return the token in GitLab's own header."""
        return request.headers.get("private-token", "")

    def refuse(self, why: str, request: Request) -> Response:
        """Answer an error in GitLab's words."""
        if why == "throttled":
            said = "This endpoint has been requested too many times. Try again later."
            return Response(429, {"message": {"error": said}})
        if why == "forbidden":
            body = {
                "error": "insufficient_scope",
                "error_description": "The request requires higher privileges.",
                "scope": "api read_api",
            }
            return Response(403, body)
        status, message = {
            "unauthorized": (401, "401 Unauthorized"),
            "expired": (401, "401 Unauthorized"),
            "missing": (404, "404 Project Not Found"),
        }.get(why, (500, "500 Internal Server Error"))
        return Response(status, {"message": message})

    def add_project(self, path: str, **more: Any) -> None:
        """Create a project."""
        self.projects[path] = {
            "id": next(self.ids),
            "path_with_namespace": path,
            "archived": False,
            "builds_access_level": "enabled",
            **more,
        }

    def add(self) -> int:
        """Queue a job without tags."""
        return self.add_job()

    def add_job(
        self, *tags: str, project: str = "acme/app", age: float = 60, **more: Any
    ) -> int:
        """Queue a job. Its pipeline is an hour older."""
        if project not in self.projects:
            self.add_project(project)
        number = next(self.ids)
        self.jobs[number] = {
            "id": number,
            "project": project,
            "name": "rspec",
            "stage": "test",
            "status": "pending",
            "tag_list": list(tags),
            "created_at": show_time(NOW - age - 3600),
            "started_at": None,
            "queued_duration": age,
            "runner": None,
            "runner_manager": None,
            **more,
        }
        return number

    def start(self, number: int, runner: str, age: float = 5) -> None:
        """Let a runner take a job."""
        self.jobs[number] |= {
            "status": "running",
            "started_at": show_time(NOW - age),
            "runner": {"id": 7, "description": runner, "runner_type": "group_type"},
            "runner_manager": {"id": 9, "system_id": "s_5b1d"},
        }

    def add_runner(self, name: str, owner: str = "acme", **more: Any) -> int:
        """Register a runner of a group or a project."""
        number = next(self.ids)
        kind = "group_type" if owner in self.groups else "project_type"
        self.runners[number] = {
            "id": number,
            "description": name,
            "runner_type": kind,
            "owner": owner,
            **more,
        }
        return number

    def _find_project(self, request: Request) -> str:
        asked = request.params["project"]
        for path, project in self.projects.items():
            hidden = path in self.hidden.get(self.read_token(request), ())
            if asked in {path, str(project["id"])} and not hidden:
                return path
        return ""

    @route("GET", "/groups/{group}/projects", "projects")
    def list_projects(self, request: Request) -> Response:
        """List the projects of a group by page, with those of its subgroups."""
        group = request.params["group"]
        found = [
            project
            for path, project in self.projects.items()
            if path.startswith(f"{group}/")
            and not (request.ask("archived") == "false" and project["archived"])
            and (
                request.ask("include_subgroups") == "true"
                or path.rpartition("/")[0] == group
            )
        ]
        if not found:
            return Response(404, {"message": "404 Group Not Found"})
        return self._show_page(request, found)

    def _show_page(self, request: Request, found: list[Any]) -> Response:
        size = min(int(request.ask("per_page", "20")), self.page or 100)
        number = int(request.ask("page", "1"))
        shown = found[(number - 1) * size : number * size]
        more = str(number + 1) if number * size < len(found) else ""
        headers = {"X-Next-Page": more, "X-Total": str(len(found))}
        return Response(200, shown, headers)

    @route("GET", "/groups/{group}", "owner")
    def show_group(self, request: Request) -> Response:
        """Show a group."""
        number = self.groups.get(request.params["group"])
        if number is None:
            return Response(404, {"message": "404 Group Not Found"})
        return Response(200, {"id": number, "full_path": request.params["group"]})

    @route("GET", "/projects/{project}", "owner")
    def show_project(self, request: Request) -> Response:
        """Show a project."""
        if not (path := self._find_project(request)):
            return self.refuse("missing", request)
        return Response(200, self.projects[path])

    @route("POST", "/user/runners", "register")
    def create_runner(self, request: Request) -> Response:
        """Create a runner with an authentication token."""
        given = request.data
        if given["runner_type"] == "group_type":
            owners = {number: path for path, number in self.groups.items()}
            owner = owners[given["group_id"]]
        else:
            owners = {each["id"]: path for path, each in self.projects.items()}
            owner = owners[given["project_id"]]
        if not given["tag_list"] and not given["run_untagged"]:
            said = "Tags list can not be empty when runner is not allowed to pick"
            return Response(400, {"message": f"400 Bad request - {said} untagged jobs"})
        if len(self.runners) >= self.most_runners:
            said = "Maximum number of ci registered group runners exceeded"
            return Response(400, {"message": f"400 Bad request - {said}"})
        kept = {name: given[name] for name in ("tag_list", "run_untagged", "locked")}
        number = self.add_runner(given["description"], owner, **kept)
        answer = {"id": number, "token": f"glrt-{number}", "token_expires_at": None}
        return Response(201, answer)

    def _list_runners(self, request: Request, owner: str) -> Response:
        shown = [
            {name: runner[name] for name in ("id", "description", "runner_type")}
            for runner in self.runners.values()
            # A group's list has those of the groups above, too.
            if f"{owner}/".startswith(f"{runner['owner']}/")
            and runner["runner_type"] == request.ask("type")
        ]
        return self._show_page(request, shown)

    @route("GET", "/groups/{group}/runners", "runners")
    def list_group_runners(self, request: Request) -> Response:
        """List the runners that a group can use."""
        if request.params["group"] not in self.groups:
            return Response(404, {"message": "404 Group Not Found"})
        return self._list_runners(request, request.params["group"])

    @route("GET", "/projects/{project}/runners", "runners")
    def list_project_runners(self, request: Request) -> Response:
        """List the runners that a project can use."""
        if not (path := self._find_project(request)):
            return self.refuse("missing", request)
        return self._list_runners(request, path)

    def _find_runner(self, request: Request) -> dict[str, Any] | None:
        return self.runners.get(int(request.params["runner"]))

    @route("GET", "/runners/{runner}", "runner")
    def show_runner(self, request: Request) -> Response:
        """Show a runner."""
        if (runner := self._find_runner(request)) is None:
            return Response(404, {"message": "404 Not found"})
        return Response(200, runner)

    @route("GET", "/runners/{runner}/jobs", "runner_jobs")
    def list_runner_jobs(self, request: Request) -> Response:
        """List a runner's jobs with a status."""
        if (runner := self._find_runner(request)) is None:
            return Response(404, {"message": "404 Not found"})
        shown = [
            {"id": job["id"], "status": job["status"]}
            for job in self.jobs.values()
            if job["status"] == request.ask("status")
            and job["runner"] is not None
            and job["runner"]["description"] == runner["description"]
        ]
        return Response(200, shown)

    @route("DELETE", "/runners/{runner}", "remove")
    def remove_runner(self, request: Request) -> Response:
        """Remove a runner, whatever it does."""
        if self.runners.pop(int(request.params["runner"]), None) is None:
            return Response(404, {"message": "404 Not found"})
        return Response(204)

    @route("GET", "/projects/{project}/jobs", "jobs")
    def list_jobs(self, request: Request) -> Response:
        """List the jobs of a project by key, the newest first."""
        if not (path := self._find_project(request)):
            return self.refuse("missing", request)
        if self.projects[path]["builds_access_level"] == "disabled":
            return Response(403, {"message": "403 Forbidden"})
        if request.ask("pagination") != "keyset" or request.ask("order_by") != "id":
            return Response(400, {"error": "pagination is invalid"})
        before = int(request.ask("cursor", "0")) or 10**9
        found = [
            {name: value for name, value in job.items() if name != "project"}
            for number, job in sorted(self.jobs.items(), reverse=True)
            if job["project"] == path
            and job["status"] in request.query["scope[]"]
            and number < before
        ]
        size = min(int(request.ask("per_page", "20")), self.page or 100)
        headers = {}
        if len(found) > size:
            scopes = "&".join(f"scope[]={each}" for each in request.query["scope[]"])
            query = (
                f"{scopes}&pagination=keyset&order_by=id&sort=desc&per_page={size}"
                f"&cursor={found[size - 1]['id']}"
            )
            headers["Link"] = f'<{self.origin}{request.path}?{query}>; rel="next"'
        return Response(200, found[:size], headers)
