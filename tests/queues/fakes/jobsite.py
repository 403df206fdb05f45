"""A service of one's own that shows jobs as JSON, in the ways that are common.

Numbers stand in one document, and lists have pages: bare arrays with ``Link`` headers
(RFC 8288), as on GitHub and GitLab.
"""

from itertools import count
from typing import Any

from tests.clouds.fakes.wire import Request, Response, route
from tests.queues.fakes.base import QueueFake

NOW = 1_800_000_000
PAGE = 100


class FakeJobSite(QueueFake):
    """Jobs by id."""

    def __init__(self, *, header: str = "authorization") -> None:
        super().__init__()
        self.header = header
        self.jobs: dict[int, dict[str, Any]] = {}
        self.ids = count(1)
        self.relative = False  # links, without scheme and host
        self.short = False  # links, with nothing but a query
        self.elsewhere = ""  # another origin, in links

    def read_token(self, request: Request) -> str:
        """Return the token, which may come in a header of its own."""
        sent = request.headers.get(self.header, "")
        return sent.removeprefix("Bearer ")

    def add(self, state: str = "new", **job: Any) -> int:
        """Add a job."""
        number = next(self.ids)
        self.jobs[number] = {"id": number, "state": state, **job}
        return number

    @route("GET", "/api/stats", "stats")
    def show_stats(self, request: Request) -> Response:
        """Show how many jobs there are."""
        states = [job["state"] for job in self.jobs.values()]
        shown = {"new": states.count("new"), "started": states.count("started")}
        return Response(200, {"jobs": shown, "version": 3})

    @route("GET", "/api/jobs", "jobs")
    def list_jobs(self, request: Request) -> Response:
        """Show a page of the jobs of a state."""
        state = request.ask("state")
        found = [job for job in self.jobs.values() if state in ("", job["state"])]
        number, size = int(request.ask("page", "1")), self.page or PAGE
        headers = {}
        if len(found) > number * size:
            origin = "" if self.relative else self.elsewhere or self.url
            query = f"state={state}&page={number + 1}&wrap={request.ask('wrap')}"
            link = f"{'' if self.short else f'{origin}/api/jobs'}?{query}"
            headers["Link"] = f'</api/jobs>; rel="first", <{link}>; rel="next"'
        page = found[(number - 1) * size : number * size]
        body = {"items": page, "total": len(found)} if request.ask("wrap") else page
        return Response(200, body, headers)
