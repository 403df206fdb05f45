"""GitHub's self-hosted runners: registered for one job each, listed and removed.

Source: GitHub's REST reference, "REST API endpoints for self-hosted runners".

Invented: what a just-in-time configuration looks like, and the words of the errors of
the call that gives one.
"""

import base64
from typing import Any

from tests.clouds.fakes.wire import Request, Response, route
from tests.queues.fakes.github_base import GitHubBase, say


def write_configuration(runner: int) -> str:
    """Return what lets one runner in. GitHub's has its settings and its key."""
    return base64.b64encode(f"jit-{runner}".encode()).decode()


def read_configuration(text: str) -> int:
    """Return the number of the runner that a configuration lets in."""
    return int(base64.b64decode(text).decode().removeprefix("jit-"))


class GitHubRunners(GitHubBase):
    """The runners of organizations and repositories."""

    def __init__(self) -> None:
        super().__init__()
        self.runners: dict[int, dict[str, Any]] = {}
        self.groups = {1}  # of runners

    def add_runner(self, name: str, owner: str = "acme", **more: Any) -> int:
        """Register a runner of an organization or a repository."""
        number = next(self.ids)
        self.runners[number] = {
            "id": number,
            "name": name,
            "os": "linux",
            "status": "online",
            "busy": False,
            "owner": owner,
            **more,
        }
        return number

    def _list_runners(self, request: Request, owner: str) -> Response:
        if not owner:
            return self.refuse("missing", request)
        shown = [
            {name: value for name, value in runner.items() if name != "owner"}
            for runner in self.runners.values()
            if runner["owner"] == owner
            and request.ask("name", runner["name"]) == runner["name"]
        ]
        return self._show_page(request, shown, "runners")

    def _register_runner(self, request: Request, owner: str) -> Response:
        if not owner:
            return self.refuse("missing", request)
        given = request.data
        for name in ("name", "runner_group_id", "labels"):
            if not given.get(name):
                said = f"Invalid input: object is missing required key: {name}."
                return say(422, said)
        if given["runner_group_id"] not in self.groups:
            return self.refuse("missing", request)
        taken = {each["name"] for each in self.runners.values()}
        if given["name"] in taken:
            return say(409, "Already exists - A runner with the name *** exists.")
        shown = [{"id": 0, "name": each, "type": "custom"} for each in given["labels"]]
        number = self.add_runner(given["name"], owner, status="offline", labels=shown)
        runner = dict(self.runners[number])
        del runner["owner"]
        return Response(
            201, {"runner": runner, "encoded_jit_config": write_configuration(number)}
        )

    def _remove_runner(self, request: Request, owner: str) -> Response:
        number = int(request.params["runner"])
        runner = self.runners.get(number)
        if runner is None or runner["owner"] != owner:
            return self.refuse("missing", request)
        if runner["busy"]:
            said = f'Bad request - Runner "{runner["name"]}" is still running a job'
            return say(422, said)
        del self.runners[number]
        return Response(204)

    @route("GET", "/orgs/{org}/actions/runners", "runners")
    def list_runners(self, request: Request) -> Response:
        """List an organization's runners."""
        return self._list_runners(request, request.params["org"])

    @route("DELETE", "/orgs/{org}/actions/runners/{runner}", "remove")
    def remove_runner(self, request: Request) -> Response:
        """Remove a runner that has no job."""
        return self._remove_runner(request, request.params["org"])

    @route("POST", "/orgs/{org}/actions/runners/generate-jitconfig", "register")
    def register_runner(self, request: Request) -> Response:
        """Create an organization's runner, for one job."""
        return self._register_runner(request, request.params["org"])

    @route(
        "POST", "/repos/{owner}/{repo}/actions/runners/generate-jitconfig", "register"
    )
    def register_runner_of_repository(self, request: Request) -> Response:
        """Create a repository's runner, for one job."""
        return self._register_runner(request, self._find_repository(request))

    @route("GET", "/repos/{owner}/{repo}/actions/runners", "runners")
    def list_runners_of_repository(self, request: Request) -> Response:
        """List a repository's runners."""
        return self._list_runners(request, self._find_repository(request))

    @route("DELETE", "/repos/{owner}/{repo}/actions/runners/{runner}", "remove")
    def remove_runner_of_repository(self, request: Request) -> Response:
        """Remove a repository's runner that has no job."""
        return self._remove_runner(request, self._find_repository(request))
