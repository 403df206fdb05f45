"""What the fakes of Gitea and Forgejo share: owners, runners, pages and errors."""

from collections.abc import Sequence
from itertools import count
from typing import Any

from tests.clouds.fakes.wire import Handler, Request, Response, route
from tests.queues.fakes.base import QueueFake

NOW = 1_800_000_000

MOST = 50  # rows of a page; MAX_RESPONSE_ITEMS in the settings


class ForgeFake(QueueFake):
    """An instance with the organization *team* and its repositories *app* and *web*.

    It has jobs and runners by their ids. No runner belongs to anybody.
    """

    base = "/api/v1"
    most = MOST

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[int, dict[str, Any]] = {}
        self.runners: dict[int, dict[str, Any]] = {}
        self.ids = count(1)

    def read_token(self, request: Request) -> str:
        """Return the token, which comes without the word Bearer."""
        return request.headers.get("authorization", "").removeprefix("token ")

    def refuse(self, why: str, request: Request) -> Response:
        """Answer an error with the address of the API's description."""
        status = super().refuse(why, request).status
        return Response(status, self.say(f"it is {why}"))

    def say(self, words: str) -> dict[str, str]:
        """Return the body of an error."""
        return {"message": words, "url": f"{self.origin}/api/swagger"}

    @property
    def origin(self) -> str:
        """Its address, also before it listens."""
        return super().origin if hasattr(self, "port") else ""

    def _answer(self, request: Request, handler: Handler | None) -> Response:
        is_known = request.params.get("owner", "team") == "team"
        return super()._answer(request, handler if is_known else None)

    def list_runners(self, request: Request) -> Response:
        """Show a page of the runners."""
        raise NotImplementedError

    def form_runner(self, runner: dict[str, Any]) -> dict[str, Any]:
        """Return a runner as it is shown."""
        return runner

    @route("GET", "/admin/actions/runners", "runners")
    def list_all_runners(self, request: Request) -> Response:
        """Show a page of all runners."""
        return self.list_runners(request)

    @route("GET", "/orgs/{owner}/actions/runners", "runners")
    def list_organization_runners(self, request: Request) -> Response:
        """Show a page of an organization's runners."""
        return self.list_runners(request)

    @route("GET", "/admin/actions/runners/{id}", "runner")
    def show_runner(self, request: Request) -> Response:
        """Show a runner."""
        runner = self.runners.get(int(request.params["id"]))
        if runner is None:
            return Response(404, self.say("Runner not found"))
        return Response(200, self.form_runner(runner))

    @route("GET", "/orgs/{owner}/actions/runners/{id}", "runner")
    def show_organization_runner(self, request: Request) -> Response:
        """Show an organization's runner."""
        return self.show_runner(request)

    @route("DELETE", "/admin/actions/runners/{id}", "remove")
    def remove_runner(self, request: Request) -> Response:
        """Remove a runner, whatever it does."""
        if self.runners.pop(int(request.params["id"]), None) is None:
            return Response(404, self.say("Runner not found"))
        return Response(204)

    @route("DELETE", "/orgs/{owner}/actions/runners/{id}", "remove")
    def remove_organization_runner(self, request: Request) -> Response:
        """Remove an organization's runner, whatever it does."""
        return self.remove_runner(request)

    def turn(self, rows: Sequence[Any], request: Request) -> list[Any]:
        """Return the page that was asked for."""
        limit = int(request.ask("limit", "0")) or 30
        limit = min(limit, self.most)
        start = (max(1, int(request.ask("page", "1"))) - 1) * limit
        return list(rows[start : start + limit])


def owns(row: dict[str, Any], owner: str) -> bool:
    """Tell whether a job is an organization's, or a repository's, or anybody's."""
    return owner in {"", row["owner"], f"{row['owner']}/{row['repo']}"}
