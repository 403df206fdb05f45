"""What all of GitHub's REST API shares: repositories, pages, errors, rate limits.

Source: GitHub's REST reference (repositories), "Rate limits", "Using pagination" and
"Troubleshooting". Invented: that an answer's ETag is a digest of its body.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from tests.clouds.fakes.wire import Handler, Request, Response, route
from tests.queues.fakes.base import QueueFake

NOW = 1_800_000_000
_DOCS = "https://docs.github.com/rest"


def show_time(seconds: float) -> str:
    """Return a time as GitHub writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def say(status: int, message: str, **headers: str) -> Response:
    """Return an error as GitHub words it."""
    body = {"message": message, "documentation_url": _DOCS, "status": str(status)}
    return Response(status, body, headers)


class GitHubBase(QueueFake):
    """Repositories, who may see which, and a rate limit."""

    def __init__(self) -> None:
        super().__init__()
        self.repositories: dict[str, dict[str, Any]] = {}
        self.ids = count(1)
        # The repositories that a token may read, if it is fine-grained.
        self.grants: dict[str, set[str]] = {}
        self.limit = 5000
        self.remaining = 5000
        self.resets = NOW + 3600
        self.add_repository("acme/app")

    def add_repository(self, name: str, **more: Any) -> None:
        """Create a repository."""
        self.repositories[name] = {
            "id": next(self.ids),
            "full_name": name,
            "archived": False,
            "disabled": False,
            **more,
        }

    def refuse(self, why: str, request: Request) -> Response:
        """Answer an error in GitHub's words."""
        if why == "throttled":
            return say(403, "You have exceeded a secondary rate limit.")
        status, message = {
            "unauthorized": (401, "Bad credentials"),
            "expired": (401, "Bad credentials"),
            "forbidden": (403, "Resource not accessible by personal access token"),
            "missing": (404, "Not Found"),
        }.get(why, (502, "Server Error"))
        accepted = {"X-Accepted-GitHub-Permissions": "actions=read"}
        return say(status, message, **(accepted if why == "forbidden" else {}))

    def _answer(self, request: Request, handler: Handler | None) -> Response:
        if self.remaining <= 0:
            answer = say(403, "API rate limit exceeded for user ID 1.")
        else:
            answer = super()._answer(request, handler)
        marks = {}
        if answer.status == 200:
            marks["ETag"] = f'W/"{hashlib.sha256(answer.bytes).hexdigest()}"'
            if request.headers.get("if-none-match") == marks["ETag"]:
                answer = Response(304, None, answer.headers)
        if answer.status != 304:
            self.remaining = max(0, self.remaining - 1)
        marks |= {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": str(self.resets),
        }
        return Response(answer.status, answer.body, {**answer.headers, **marks})

    def _show_page(
        self, request: Request, entries: Sequence[Any], name: str = ""
    ) -> Response:
        size = min(int(request.ask("per_page", "30")), self.page or 100)
        number = int(request.ask("page", "1"))
        shown = list(entries[(number - 1) * size : number * size])
        headers = {}
        if number * size < min(
            len(entries), 1000 if name == "workflow_runs" else 10**9
        ):
            asked = {key: values[0] for key, values in request.query.items()}
            asked["page"] = str(number + 1)
            query = "&".join(f"{key}={value}" for key, value in asked.items())
            first = f'<{self.origin}{request.path}?page=1>; rel="first"'
            following = f'<{self.origin}{request.path}?{query}>; rel="next"'
            headers["Link"] = f"{first}, {following}"
        body = {"total_count": len(entries), name: shown} if name else shown
        return Response(200, body, headers)

    def _find_repository(self, request: Request) -> str:
        """Return the repository of a request, "" if the token can't see it."""
        name = f"{request.params['owner']}/{request.params['repo']}"
        return name if name in self._list_visible(request) else ""

    def _list_visible(self, request: Request) -> list[str]:
        granted = self.grants.get(self.read_token(request))
        return [
            name for name in self.repositories if granted is None or name in granted
        ]

    @route("GET", "/orgs/{org}/repos", "repositories")
    def list_repositories(self, request: Request) -> Response:
        """List an organization's repositories: those that the token can see."""
        owner = f"{request.params['org']}/"
        shown = [
            self.repositories[name]
            for name in self._list_visible(request)
            if name.startswith(owner)
        ]
        return self._show_page(request, shown)

    @route("GET", "/installation/repositories", "repositories")
    def list_installed(self, request: Request) -> Response:
        """List the repositories that an App's installation was granted."""
        if not self.read_token(request).startswith("ghs_"):
            return self.refuse("forbidden", request)
        shown = [self.repositories[name] for name in self._list_visible(request)]
        return self._show_page(request, shown, "repositories")
