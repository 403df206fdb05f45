"""What the fakes of Gitea and Forgejo share: owners, pages and errors."""

from collections.abc import Callable, Sequence
from typing import Any

from tests.clouds.fakes.wire import Request, Response
from tests.queues.fakes.base import QueueFake

MOST = 50  # rows of a page; MAX_RESPONSE_ITEMS in the settings


class ForgeFake(QueueFake):
    """An instance with the organization *team* and its repositories *app* and *web*."""

    base = "/api/v1"
    most = MOST

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

    def show_one(
        self,
        request: Request,
        rows: dict[int, dict[str, Any]],
        show: Callable[[dict[str, Any]], dict[str, Any]],
    ) -> Response:
        """Show the row that a request names."""
        row = rows.get(int(request.params["id"]))
        if row is None or request.params.get("owner", "team") != "team":
            return Response(404, self.say("Runner not found"))
        return Response(200, show(row))

    def remove_one(self, request: Request, rows: dict[int, Any]) -> Response:
        """Remove the row that a request names."""
        if request.params.get("owner", "team") != "team":
            return Response(404, self.say("The target couldn't be found."))
        if rows.pop(int(request.params["id"]), None) is None:
            return Response(404, self.say("Runner not found"))
        return Response(204)

    def turn(self, rows: Sequence[Any], request: Request) -> list[Any]:
        """Return the page that was asked for."""
        limit = int(request.ask("limit", "0")) or 30
        limit = min(limit, self.most)
        start = (max(1, int(request.ask("page", "1"))) - 1) * limit
        return list(rows[start : start + limit])


def owns(row: dict[str, Any], owner: str) -> bool:
    """Tell whether a job is an organization's, or a repository's, or anybody's."""
    return owner in {"", row["owner"], f"{row['owner']}/{row['repo']}"}
