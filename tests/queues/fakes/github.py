"""GitHub's REST API for Actions, as far as jobs and runners go.

Source: GitHub's REST reference (workflow runs, workflow jobs, repositories, apps,
self-hosted runners), "Rate limits", "Using pagination" and "Troubleshooting".

Invented: how ids count up, that an answer's ETag is a digest of its body, what a
just-in-time configuration looks like, and the words of the errors of that call.
"""

import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from tests.clouds.fakes.wire import Handler, Request, Response, route
from tests.queues.fakes.base import QueueFake

MOST_RUNS = 1000  # of a status
NOW = 1_800_000_000
_DOCS = "https://docs.github.com/rest"


def show_time(seconds: float) -> str:
    """Return a time as GitHub writes it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def say(status: int, message: str, **headers: str) -> Response:
    """Return an error as GitHub words it."""
    body = {"message": message, "documentation_url": _DOCS, "status": str(status)}
    return Response(status, body, headers)


def write_configuration(runner: int) -> str:
    """Return what lets one runner in. GitHub's has its settings and its key."""
    return base64.b64encode(f"jit-{runner}".encode()).decode()


def read_configuration(text: str) -> int:
    """Return the number of the runner that a configuration lets in."""
    return int(base64.b64decode(text).decode().removeprefix("jit-"))


class FakeGitHub(QueueFake):
    """Repositories with runs and jobs, tokens, one App, and a rate limit."""

    def __init__(self) -> None:
        super().__init__()
        self.repositories: dict[str, dict[str, Any]] = {}
        self.runs: dict[int, str] = {}  # the repository of each
        self.jobs: dict[int, dict[str, Any]] = {}
        self.ids = count(1)
        # The repositories that a token may read, if it is fine-grained.
        self.grants: dict[str, set[str]] = {}
        self.limit = 5000
        self.remaining = 5000
        self.resets = NOW + 3600
        self.app_id = "Iv23liExample"
        self.installed: dict[str, int] = {}  # owner to installation
        self.lent = count(1)
        self.token_life = 3600.0
        self.runners: dict[int, dict[str, Any]] = {}
        self.groups = {1}  # of runners
        self.add_repository("acme/app")

    @cached_property
    def key(self) -> rsa.RSAPrivateKey:
        """The App's key. Few tests need one, and it takes a while."""
        return rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def private_key(self) -> str:
        """The App's private key as GitHub hands it out."""
        form = PrivateFormat.TraditionalOpenSSL
        return self.key.private_bytes(Encoding.PEM, form, NoEncryption()).decode()

    def add_repository(self, name: str, **more: Any) -> None:
        """Create a repository."""
        self.repositories[name] = {
            "id": next(self.ids),
            "full_name": name,
            "archived": False,
            "disabled": False,
            **more,
        }

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

    # How it answers.

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

    # Calls.

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

    @route("GET", "/orgs/{owner}/installation", "token")
    def show_installation(self, request: Request) -> Response:
        """Show where the App is installed, to the App itself."""
        if wrong := self._check_app(request):
            return wrong
        number = self.installed.get(request.params["owner"])
        return (
            self.refuse("missing", request)
            if number is None
            else Response(
                200, {"id": number, "app_slug": "fleet", "suspended_at": None}
            )
        )

    @route("GET", "/repos/{owner}/{repo}/installation", "token")
    def show_installation_of_repository(self, request: Request) -> Response:
        """Show where the App is installed, by a repository."""
        return self.show_installation(request)

    @route("POST", "/app/installations/{number}/access_tokens", "token")
    def lend_token(self, request: Request) -> Response:
        """Lend a token to the App."""
        if wrong := self._check_app(request):
            return wrong
        if int(request.params["number"]) not in self.installed.values():
            return self.refuse("missing", request)
        token = f"ghs_{self.app_id}_{next(self.lent)}"
        self.tokens[token] = "app"
        granted = {
            name
            for name in self.repositories
            if self.installed.get(name.partition("/")[0])
        }
        self.grants[token] = granted
        ends = datetime.now(UTC).timestamp() + self.token_life
        return Response(201, {"token": token, "expires_at": show_time(ends)})

    def _check_app(self, request: Request) -> Response | None:
        try:
            head, claims, signature = self.read_token(request).split(".")
            self.key.public_key().verify(
                _decode(signature),
                f"{head}.{claims}".encode(),
                padding.PKCS1v15(),
                SHA256(),
            )
        except (ValueError, InvalidSignature):
            return say(401, "A JSON web token could not be decoded")
        told = json.loads(_decode(claims))
        now = datetime.now(UTC).timestamp()
        if told["iss"] != self.app_id:
            return say(404, "Integration not found")
        if not now < told["exp"] <= now + 600 or told["iat"] > now:
            return say(401, "'Expiration time' claim ('exp') is too far in the future")
        return None


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
