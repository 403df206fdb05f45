"""What the fakes of Gitea and Forgejo share: owners, pages and errors."""

from collections.abc import Sequence
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

    def turn(self, rows: Sequence[Any], request: Request) -> list[Any]:
        """Return the page that was asked for."""
        limit = int(request.ask("limit", "0")) or 30
        limit = min(limit, self.most)
        start = (max(1, int(request.ask("page", "1"))) - 1) * limit
        return list(rows[start : start + limit])


def owns(row: dict[str, Any], owner: str) -> bool:
    """Tell whether a job is an organization's, or a repository's, or anybody's."""
    return owner in {"", row["owner"], f"{row['owner']}/{row['repo']}"}
